/// What became of everything that was tried of one thing: how often it failed, and how.
///
/// Series hold the times of what succeeded. A server that refuses everything has none that are slow, so that no
/// comparison of times alone would notice.
public struct Outcomes: Codable, Hashable, Sendable {
  /// Of whom, as in a `Series`: a URL, or a task. Several of the same subject are compared in their order.
  public var subject: String
  public var total: Int
  public var failures: Int
  /// How many by what came: `status 200`, or why nothing did.
  public var kinds: [String: Int]

  public init(of subject: String, total: Int, failures: Int, kinds: [String: Int]) {
    self.subject = subject
    self.total = total
    self.failures = failures
    self.kinds = kinds
  }
}
