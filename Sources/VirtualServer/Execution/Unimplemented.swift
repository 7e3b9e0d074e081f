import KernelDirector

/// Whether features that the dataplane lacks are refused by name.
public enum Gate: Sendable { case closed, open }

/// What the command line understands and the dataplane does not carry yet.
///
/// A command that uses one of these is refused by name before it reaches the rules. To lift a gate, delete its line.
struct Unimplemented: Sendable {
  /// How messages call the feature.
  let name: String
  let isUsed: @Sendable (Invocation) -> Bool

  private init(_ name: String, _ isUsed: @escaping @Sendable (Invocation) -> Bool) {
    self.name = name
    self.isUsed = isUsed
  }

  static let features: [Unimplemented] = [
    Unimplemented("persistence engines (--pe)") { !$0.settings.persistenceEngine.isEmpty }
  ]

  /// The first feature that a command wants in vain.
  static func first(in invocation: Invocation) -> Unimplemented? {
    features.first { $0.isUsed(invocation) }
  }
}
