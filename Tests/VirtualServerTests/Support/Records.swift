import Foundation
import Testing

/// What a command printed and returned, as recorded from the real ipvsadm.
struct RecordedCommand: Decodable, Sendable {
  let cmd: String
  let rc: Int32
  let stdout: String
  let stderr: String
}

/// Commands that ran one after the other in a fresh network namespace.
struct RecordedSequence: Decodable, Sendable, CustomTestStringConvertible {
  let id: String
  let commands: [RecordedCommand]

  var testDescription: String { "\(id) (\(commands.count) commands)" }
}

enum Records {
  /// The sequences in a folder of Tests/Records.
  static func sequences(in folder: String) -> [RecordedSequence] {
    let records = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Records/\(folder)")
    do {
      return try FileManager.default.contentsOfDirectory(at: records, includingPropertiesForKeys: nil)
        .filter { $0.pathExtension == "json" }
        .sorted { $0.path < $1.path }
        .flatMap { try JSONDecoder().decode([RecordedSequence].self, from: Data(contentsOf: $0)) }
    } catch {
      fatalError("the records in \(records.path) cannot be read: \(error)")
    }
  }
}
