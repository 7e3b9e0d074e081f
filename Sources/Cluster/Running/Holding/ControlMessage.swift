import FoundationEssentials

/// What `svs cluster` asks the program that holds a cluster: one line of JSON.
struct ControlRequest: Codable, Hashable, Sendable {
  enum Verb: String, Codable, Hashable, Sendable { case status, backend, apply, scale, down }

  var verb: Verb
  /// flannel's word for it.
  var backend: String?
  var files: [ClusterText]?
  var deployment: String?
  var replicas: Int?
}

/// A file of a description, with what it is called in messages.
public struct ClusterText: Codable, Hashable, Sendable {
  public var name: String
  public var text: String

  public init(name: String, text: String) {
    self.name = name
    self.text = text
  }
}

/// What it answers, and what a holder tells while it builds: lines of JSON, of which the last is `isLast`.
struct ControlReply: Codable, Hashable, Sendable {
  /// What is being done.
  var progress: String?
  /// Why it could not be done.
  var error: String?
  var status: ClusterStatus?
  var isLast = false
}

/// Messages as lines of JSON, on descriptors.
enum ControlLine {
  static func text(_ message: some Encodable) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // Texts and numbers always have a form in JSON.
    return ((try? encoder.encode(message)).map(Array.init) ?? Array("{}".utf8)) + [0x0A]
  }

  static func message<M: Decodable>(_ type: M.Type, _ line: some Sequence<UInt8>) -> M? {
    try? JSONDecoder().decode(type, from: Data(line))
  }
}
