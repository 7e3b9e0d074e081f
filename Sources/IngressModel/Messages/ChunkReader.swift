/// Follows the chunks of a body (RFC 9112, section 7.1) and tells data from what stands around them.
///
/// Extensions and trailers are read and left behind; sizes and line ends are taken as they are written there only.
public struct ChunkReader: Sendable {
  public enum Piece: Sendable {
    /// These bytes, counted from the beginning of what was given, are data.
    case data(Range<Int>)
    /// So many bytes were used up without coming to data; more are needed.
    case incomplete(Int)
    /// The body is over behind so many bytes.
    case end(Int)
    case refused
  }

  private enum Place: Sendable {
    case size(digits: Int)
    case extensions(count: Int)
    case sizeEnd
    case data
    case dataEnd
    case dataEndFeed
    case trailer(length: Int, count: Int)
    case trailerFeed(isEmpty: Bool, count: Int)
  }

  private var place = Place.size(digits: 0)
  private var left: UInt64 = 0

  public init() {}

  /// The next piece from `start` on.
  public mutating func next(_ bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Piece {
    var index = start
    while index < bytes.count {
      let byte = bytes[index]
      switch place {
      case .size(let digits):
        if let value = Self.digit(byte) {
          // 60 bits are more than anybody sends, and do not overflow.
          guard digits < 15 else { return .refused }
          left = left << 4 | UInt64(value)
          place = .size(digits: digits + 1)
        } else if digits == 0 {
          return .refused
        } else if byte == 13 {
          place = .sizeEnd
        } else if byte == 59 {
          place = .extensions(count: 0)
        } else {
          return .refused
        }
      case .extensions(let count):
        if byte == 13 {
          place = .sizeEnd
        } else if byte < 32 && byte != 9 || byte == 127 || count > 256 {
          return .refused
        } else {
          place = .extensions(count: count + 1)
        }
      case .sizeEnd:
        guard byte == 10 else { return .refused }
        place = left == 0 ? .trailer(length: 0, count: 0) : .data
      case .data:
        let count = Int(min(left, UInt64(bytes.count - index)))
        left -= UInt64(count)
        if left == 0 { place = .dataEnd }
        return .data(index..<index + count)
      case .dataEnd:
        guard byte == 13 else { return .refused }
        place = .dataEndFeed
      case .dataEndFeed:
        guard byte == 10 else { return .refused }
        place = .size(digits: 0)
      case .trailer(let length, let count):
        if byte == 13 {
          place = .trailerFeed(isEmpty: length == 0, count: count)
        } else if byte < 32 && byte != 9 || byte == 127 || count > 8_192 {
          return .refused
        } else {
          place = .trailer(length: length + 1, count: count + 1)
        }
      case .trailerFeed(let isEmpty, let count):
        guard byte == 10 else { return .refused }
        if isEmpty { return .end(index + 1) }
        place = .trailer(length: 0, count: count + 2)
      }
      index += 1
    }
    return .incomplete(index)
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 48...57: byte - 48
    case 65...70: byte - 55
    case 97...102: byte - 87
    default: nil
    }
  }
}
