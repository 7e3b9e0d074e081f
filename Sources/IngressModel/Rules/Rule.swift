/// A router's rule: what was written, and what it means.
public struct Rule: Hashable, Sendable {
  /// As it was written; its length is the default priority.
  public let text: String
}
