import Measurement

/// Text with places that differ from request to request: `${user}`, `${uuid}`, `${counter}`, `${timestamp}`.
///
/// `${user}` is one identity for each user's life, `${uuid}` a new one each time (both look as a UUID of version 4
/// does, RFC 9562), `${counter}` counts the user's requests from 1, `${timestamp}` is the time in seconds since 1970
/// with microseconds; `${$}` is a dollar sign. What else is in `${}` is a mistake; see `mistake(in:)`.
struct Template: Hashable, Sendable {
  enum Piece: Hashable, Sendable {
    case text([UInt8])
    case user, uuid, counter, timestamp
  }

  private(set) var pieces: [Piece] = []

  /// The text where nothing differs.
  var constant: [UInt8]? {
    switch pieces.count {
    case 0: []
    case 1: if case .text(let text) = pieces[0] { text } else { nil }
    default: nil
    }
  }

  init(_ source: String) {
    var text: [UInt8] = []
    var rest = source[...]
    while let start = rest.firstIndex(of: "$") {
      text += rest[..<start].utf8
      rest = rest[start...]
      guard let (piece, length) = Template.piece(rest) else {
        text.append(UInt8(ascii: "$"))
        rest = rest.dropFirst()
        continue
      }
      rest = rest.dropFirst(length)
      if case .text(let sign) = piece {
        text += sign
        continue
      }
      if !text.isEmpty { pieces.append(.text(text)) }
      text = []
      pieces.append(piece)
    }
    text += rest.utf8
    if !text.isEmpty { pieces.append(.text(text)) }
  }

  /// What is wrong with a text: a variable that there is not, which servers would be sent as it is written.
  static func mistake(in source: String) -> String? {
    var rest = source[...]
    while let start = rest.firstRange(of: "${") {
      rest = rest[start.lowerBound...]
      if let (_, length) = piece(rest) {
        rest = rest.dropFirst(length)
        continue
      }
      let known = "known are ${user}, ${uuid}, ${counter}, ${timestamp}, and ${$} for a dollar sign"
      guard let end = rest.firstIndex(of: "}") else { return "'\(rest.prefix(20))' is not closed; \(known)" }
      return "'\(rest[...end])' is no variable; \(known)"
    }
    return nil
  }

  private static func piece(_ source: Substring) -> (Piece, Int)? {
    if source.hasPrefix("${user}") { return (.user, 7) }
    if source.hasPrefix("${uuid}") { return (.uuid, 7) }
    if source.hasPrefix("${counter}") { return (.counter, 10) }
    if source.hasPrefix("${timestamp}") { return (.timestamp, 12) }
    if source.hasPrefix("${$}") { return (.text([UInt8(ascii: "$")]), 4) }
    return nil
  }

  /// What differs, for one request.
  struct Values {
    var user: [UInt8]
    var counter: UInt64
    /// Microseconds since 1970.
    var microseconds: UInt64
  }

  func append(to bytes: inout [UInt8], _ values: Values, random: inout SeededGenerator) {
    for piece in pieces {
      switch piece {
      case .text(let text): bytes += text
      case .user: bytes += values.user
      case .uuid: bytes += random.identity()
      case .counter: bytes += String(values.counter).utf8
      case .timestamp:
        let fraction = String(values.microseconds % 1_000_000)
        bytes += String(values.microseconds / 1_000_000).utf8
        bytes.append(UInt8(ascii: "."))
        bytes.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: 6 - fraction.utf8.count))
        bytes += fraction.utf8
      }
    }
  }
}

extension SeededGenerator {
  /// A UUID of version 4 as text.
  mutating func identity() -> [UInt8] {
    let digits = Array("0123456789abcdef".utf8)
    let high = next() & 0xFFFF_FFFF_FFFF_0FFF | 0x4000
    let low = next() & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
    var text: [UInt8] = []
    text.reserveCapacity(36)
    for index in 0..<32 {
      if index == 8 || index == 12 || index == 16 || index == 20 { text.append(UInt8(ascii: "-")) }
      let word = index < 16 ? high : low
      text.append(digits[Int(word >> UInt64(60 - 4 * (index % 16)) & 15)])
    }
    return text
  }
}
