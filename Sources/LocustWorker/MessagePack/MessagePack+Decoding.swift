extension MessagePack {
  /// Why bytes are no MessagePack.
  package enum Malformed: Error, Hashable, Sendable {
    case tooShort
    case tooLong
    case tooDeep
    case text
    case type(UInt8)
  }

  /// How deep arrays and maps may be in each other.
  private static let deepest = 32

  /// Reads exactly one value.
  package init(decoding bytes: [UInt8]) throws(Malformed) {
    var reader = Reader(bytes: bytes)
    self = try reader.value(depth: 0)
    guard reader.at == bytes.count else { throw .tooLong }
  }

  private struct Reader {
    let bytes: [UInt8]
    var at = 0

    mutating func value(depth: Int) throws(Malformed) -> MessagePack {
      guard depth <= MessagePack.deepest else { throw .tooDeep }
      let type = UInt8(try number(1))
      switch type {
      case 0x00...0x7F: return .int(Int64(type))
      case 0x80...0x8F: return try map(Int(type & 15), depth)
      case 0x90...0x9F: return try array(Int(type & 15), depth)
      case 0xA0...0xBF: return try text(Int(type & 31))
      case 0xC0: return .none
      case 0xC2: return .bool(false)
      case 0xC3: return .bool(true)
      case 0xC4, 0xC5, 0xC6: return .binary(try take(try length(1 << Int(type - 0xC4))))
      case 0xC7, 0xC8, 0xC9: return try other(try length(1 << Int(type - 0xC7)))
      case 0xCA: return .double(Double(Float(bitPattern: UInt32(try number(4)))))
      case 0xCB: return .double(Double(bitPattern: try number(8)))
      case 0xCC, 0xCD, 0xCE, 0xCF: return .count(try number(1 << Int(type - 0xCC)))
      case 0xD0: return .int(Int64(Int8(truncatingIfNeeded: try number(1))))
      case 0xD1: return .int(Int64(Int16(truncatingIfNeeded: try number(2))))
      case 0xD2: return .int(Int64(Int32(truncatingIfNeeded: try number(4))))
      case 0xD3: return .int(Int64(bitPattern: try number(8)))
      case 0xD4...0xD8: return try other(1 << Int(type - 0xD4))
      case 0xD9, 0xDA, 0xDB: return try text(try length(1 << Int(type - 0xD9)))
      case 0xDC, 0xDD: return try array(try length(2 << Int(type - 0xDC)), depth)
      case 0xDE, 0xDF: return try map(try length(2 << Int(type - 0xDE)), depth)
      case 0xE0...0xFF: return .int(Int64(Int8(bitPattern: type)))
      default: throw .type(type)
      }
    }

    private mutating func take(_ count: Int) throws(Malformed) -> [UInt8] {
      guard count <= bytes.count - at else { throw .tooShort }
      defer { at += count }
      return Array(bytes[at..<at + count])
    }

    private mutating func number(_ width: Int) throws(Malformed) -> UInt64 {
      guard width <= bytes.count - at else { throw .tooShort }
      var number: UInt64 = 0
      for _ in 0..<width {
        number = number << 8 | UInt64(bytes[at])
        at += 1
      }
      return number
    }

    private mutating func length(_ width: Int) throws(Malformed) -> Int { Int(try number(width)) }

    private mutating func text(_ count: Int) throws(Malformed) -> MessagePack {
      guard let text = String(validating: try take(count), as: UTF8.self) else { throw .text }
      return .string(text)
    }

    private mutating func other(_ count: Int) throws(Malformed) -> MessagePack {
      let type = Int8(truncatingIfNeeded: try number(1))
      return .other(type: type, try take(count))
    }

    /// A value takes a byte at least: lengths that cannot be true make no room.
    private mutating func array(_ count: Int, _ depth: Int) throws(Malformed) -> MessagePack {
      guard count <= bytes.count - at else { throw .tooShort }
      var values: [MessagePack] = []
      values.reserveCapacity(count)
      for _ in 0..<count { values.append(try value(depth: depth + 1)) }
      return .array(values)
    }

    private mutating func map(_ count: Int, _ depth: Int) throws(Malformed) -> MessagePack {
      guard count <= (bytes.count - at) / 2 else { throw .tooShort }
      var entries: [Entry] = []
      entries.reserveCapacity(count)
      for _ in 0..<count {
        let key = try value(depth: depth + 1)
        entries.append(Entry(key, try value(depth: depth + 1)))
      }
      return .map(entries)
    }
  }
}
