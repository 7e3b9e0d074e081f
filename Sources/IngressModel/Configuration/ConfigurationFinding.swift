/// One thing that is wrong with a configuration.
public struct ConfigurationFinding: Hashable, Sendable, CustomStringConvertible {
  /// Nil for what stands in no file.
  public var place: SourcePlace?
  /// A sentence without its end: what was wrong and what to do.
  public var message: String

  public init(_ place: SourcePlace?, _ message: String) {
    self.place = place
    self.message = message
  }

  public var description: String { place.map { "\($0): \(message)" } ?? message }
}

/// All that is wrong with a configuration; nothing of it is used then.
public struct IngressConfigurationError: Error, Hashable, CustomStringConvertible {
  /// In the order of the files and their lines; at least one, at most `limit`.
  public var findings: [ConfigurationFinding]

  /// Who wrote more mistakes than this will not read all of them.
  public static let limit = 100

  public init(_ findings: [ConfigurationFinding]) { self.findings = findings }

  public var description: String { findings.map(\.description).joined(separator: "\n") }
}

/// What one reading finds, while it goes on.
package final class Findings {
  package private(set) var all: [ConfigurationFinding] = []

  package init() {}

  /// Whether a part of the files could not be read at all; what others refer to may stand there.
  package var isIncomplete = false

  package func add(_ place: SourcePlace?, _ message: String) {
    let finding = ConfigurationFinding(place, message)
    // An anchor that is used twice is read twice.
    guard !all.contains(finding), all.count < IngressConfigurationError.limit else { return }
    all.append(finding)
  }

  /// Nil where nothing was found.
  package func error(files: [String]) -> IngressConfigurationError? {
    guard !all.isEmpty else { return nil }
    let order = Dictionary(files.enumerated().map { ($1, $0) }) { first, _ in first }
    let sorted = all.enumerated().sorted { one, other in
      let (first, second) = (one.element.place, other.element.place)
      return (first.flatMap { order[$0.file] } ?? -1, first?.line ?? 0, one.offset)
        < (second.flatMap { order[$0.file] } ?? -1, second?.line ?? 0, other.offset)
    }
    return IngressConfigurationError(sorted.map(\.element))
  }
}
