import FoundationEssentials

/// Reading what instruments print: their JSON, whatever stands before and behind it.
enum InstrumentOutput {
  /// More than any instrument writes; a text without end is no result.
  static let mostBytes = 64 << 20

  /// The JSON object in a text, as a value of this form.
  ///
  /// - Parameter what: the instrument, for the sentence that says what is wrong.
  static func decode<Value: Decodable>(_: Value.Type, _ text: String, what: String) throws(MeasuringError) -> Value {
    let bytes = Array(text.utf8)
    guard bytes.count <= mostBytes else { throw MeasuringError("\(what) wrote more than any result has.") }
    guard let first = bytes.firstIndex(of: UInt8(ascii: "{")), let last = bytes.lastIndex(of: UInt8(ascii: "}")),
      first < last
    else { throw MeasuringError("\(what) wrote no result\(bytes.isEmpty ? "" : " that is JSON").") }
    do {
      return try JSONDecoder().decode(Value.self, from: Data(bytes[first...last]))
    } catch {
      throw MeasuringError("\(what) wrote a result of another form than this program knows.")
    }
  }
}

/// A number that may be missing, be none, or be too large for what it stands for: then there is no value.
struct LenientNumber: Decodable, Hashable, Sendable {
  var value: Double?

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    value = (try? container.decode(Double.self)).flatMap { $0.isFinite ? $0 : nil }
  }

  /// Nil below 0, or beyond what counts of anything are.
  var count: Int? { value.flatMap { $0 >= 0 && $0 < 1e15 ? Int($0) : nil } }
  var positive: Double? { value.flatMap { $0 > 0 ? $0 : nil } }
}

/// An array whose elements of another form are left out.
struct LenientArray<Element: Decodable & Sendable>: Decodable, Sendable {
  var elements: [Element] = []

  init(from decoder: any Decoder) throws {
    guard var container = try? decoder.unkeyedContainer() else { return }
    while !container.isAtEnd {
      if let element = try? container.decode(Element.self) {
        elements.append(element)
      } else if (try? container.decode(Ignored.self)) == nil {
        // Nothing was taken, and nothing would ever be.
        return
      }
    }
  }

  private struct Ignored: Decodable {
    init(from decoder: any Decoder) {}
  }
}
