extension MessagePack {
  /// The shortest encoding.
  package var bytes: [UInt8] {
    var bytes: [UInt8] = []
    append(to: &bytes)
    return bytes
  }

  private func append(to bytes: inout [UInt8]) {
    switch self {
    case .none: bytes.append(0xC0)
    case .bool(let value): bytes.append(value ? 0xC3 : 0xC2)
    case .int(let number): MessagePack.append(number, to: &bytes)
    case .uint(let number):
      bytes.append(0xCF)
      MessagePack.bigEndian(number, 8, to: &bytes)
    case .double(let number):
      bytes.append(0xCB)
      MessagePack.bigEndian(number.bitPattern, 8, to: &bytes)
    case .string(let text):
      let utf8 = Array(text.utf8)
      MessagePack.head(utf8.count, short: (0xA0, 31), [(0xD9, 1), (0xDA, 2), (0xDB, 4)], to: &bytes)
      bytes += utf8
    case .binary(let data):
      MessagePack.head(data.count, short: nil, [(0xC4, 1), (0xC5, 2), (0xC6, 4)], to: &bytes)
      bytes += data
    case .array(let values):
      MessagePack.head(values.count, short: (0x90, 15), [(0xDC, 2), (0xDD, 4)], to: &bytes)
      for value in values { value.append(to: &bytes) }
    case .map(let entries):
      MessagePack.head(entries.count, short: (0x80, 15), [(0xDE, 2), (0xDF, 4)], to: &bytes)
      for entry in entries {
        entry.key.append(to: &bytes)
        entry.value.append(to: &bytes)
      }
    case .other(let type, let data):
      MessagePack.head(data.count, short: nil, [(0xC7, 1), (0xC8, 2), (0xC9, 4)], to: &bytes)
      bytes.append(UInt8(bitPattern: type))
      bytes += data
    }
  }

  private static func append(_ number: Int64, to bytes: inout [UInt8]) {
    switch number {
    case -32...127: bytes.append(UInt8(truncatingIfNeeded: number))
    case 128...0xFF: put(0xCC, number, 1, to: &bytes)
    case 0...0xFFFF: put(0xCD, number, 2, to: &bytes)
    case 0...0xFFFF_FFFF: put(0xCE, number, 4, to: &bytes)
    case 0...: put(0xCF, number, 8, to: &bytes)
    case (-0x80)...: put(0xD0, number, 1, to: &bytes)
    case (-0x8000)...: put(0xD1, number, 2, to: &bytes)
    case (-0x8000_0000)...: put(0xD2, number, 4, to: &bytes)
    default: put(0xD3, number, 8, to: &bytes)
    }
  }

  private static func put(_ type: UInt8, _ number: Int64, _ width: Int, to bytes: inout [UInt8]) {
    bytes.append(type)
    bigEndian(UInt64(bitPattern: number), width, to: &bytes)
  }

  /// The type and the length, in the narrowest of the widths that holds it.
  private static func head(
    _ count: Int, short: (base: UInt8, most: Int)?, _ widths: [(type: UInt8, width: Int)], to bytes: inout [UInt8]
  ) {
    if let short, count <= short.most {
      bytes.append(short.base | UInt8(count))
      return
    }
    guard let fitting = widths.first(where: { count < 1 << ($0.width * 8) }) else {
      preconditionFailure("MessagePack holds no more than 4 GiB in one value")
    }
    bytes.append(fitting.type)
    bigEndian(UInt64(count), fitting.width, to: &bytes)
  }

  private static func bigEndian(_ number: UInt64, _ width: Int, to bytes: inout [UInt8]) {
    for place in (0..<width).reversed() { bytes.append(UInt8(truncatingIfNeeded: number >> UInt64(place * 8))) }
  }
}
