import FoundationEssentials
import Glibc
import HostSystem

/// Reading and writing of result documents.
public enum ResultFile {
  /// Writes a document as JSON, as `write(text:to:)` does.
  public static func write(_ document: some Encodable, to path: String) throws(ResultFileError) {
    try write(text: json(document), to: path)
  }

  public static func write(_ csv: CSV, to path: String) throws(ResultFileError) { try write(text: csv.text, to: path) }

  /// The document as JSON text, its members sorted by name, with a newline at its end.
  public static func json(_ document: some Encodable) throws(ResultFileError) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    // JSON has no infinity; a reader sees at once that such a value is none.
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "infinity", negativeInfinity: "-infinity", nan: "nan")
    do {
      return String(decoding: try encoder.encode(document), as: UTF8.self) + "\n"
    } catch {
      throw ResultFileError("The result cannot be written as JSON: \(error)")
    }
  }

  /// Reads a document of any instrument: its envelope and its series.
  public static func read(_ path: String) throws(ResultFileError) -> ResultDocument<AnyResult> {
    let bytes: [UInt8]
    do {
      bytes = try Files.read(path)
    } catch {
      throw ResultFileError("\(error)")
    }
    do {
      return try JSONDecoder().decode(ResultDocument<AnyResult>.self, from: Data(bytes))
    } catch {
      throw ResultFileError("\(path) is not a result of 'svs bench … --json': \(reason(error))")
    }
  }

  private static func reason(_ error: any Error) -> String {
    guard let error = error as? DecodingError else { return "it is not JSON" }
    return switch error {
    case .keyNotFound(let key, _): "the member '\(key.stringValue)' is missing"
    case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
      context.codingPath.isEmpty
        ? "it is not JSON, or was cut off"
        : "'\(context.codingPath.map(\.stringValue).joined(separator: "."))' has another form"
    @unknown default: "it has another form"
    }
  }
}

/// Stands for the result of an instrument that the reader does not know.
public struct AnyResult: Codable, Sendable {
  public init() {}
  public init(from decoder: any Decoder) {}
  public func encode(to encoder: any Encoder) throws {
    _ = encoder.container(keyedBy: NoKey.self)
  }
  private enum NoKey: CodingKey {}
}

/// A result that could not be read or written.
public struct ResultFileError: Error, CustomStringConvertible {
  public let description: String

  init(_ description: String) { self.description = description }
}
