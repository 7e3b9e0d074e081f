/// A packet of a capture file.
public struct CapturedPacket: Sendable {
  /// Nanoseconds, counted from any point; files need not be in order.
  public var time: UInt64
  /// As an Ethernet frame, zeros in place of what the capture cut off.
  public var frame: [UInt8]
}

/// Reads capture files: classic pcap in either byte order with micro- or nanoseconds, and pcapng.
///
/// Link types Ethernet, raw IP, BSD loopback and Linux "cooked" (both versions) are understood (tcpdump.org,
/// "Link-layer header types"); packets of others, and pcapng's other blocks, are passed over and counted.
public struct CaptureReader {
  /// What is wrong with a file, at a byte.
  public struct Malformed: Error, CustomStringConvertible, Hashable, Sendable {
    public var offset: Int
    public var message: String
    public var description: String { "\(message) (at byte \(offset))" }
  }

  private struct Interface {
    var linkType: UInt32
    /// Units of time in a second.
    var resolution: UInt64 = 1_000_000
  }

  /// A packet longer than this is none.
  static let longest = 262_144

  private let bytes: [UInt8]
  private var position = 0
  private var isBigEndian = false
  private let isNG: Bool
  private var interfaces: [Interface] = []
  /// Packets of link types that are not understood.
  public private(set) var passedOver = 0

  public init(_ bytes: [UInt8]) throws(Malformed) {
    self.bytes = bytes
    guard bytes.count >= 4 else { throw Malformed(offset: 0, message: "this is no capture file: it is too short") }
    switch Array(bytes[0..<4]) {
    case [0x0a, 0x0d, 0x0d, 0x0a]: isNG = true
    case [0xd4, 0xc3, 0xb2, 0xa1]: (isNG, interfaces) = (false, [Interface(linkType: 0)])
    case [0x4d, 0x3c, 0xb2, 0xa1]: (isNG, interfaces) = (false, [Interface(linkType: 0, resolution: 1_000_000_000)])
    case [0xa1, 0xb2, 0xc3, 0xd4]: (isNG, isBigEndian, interfaces) = (false, true, [Interface(linkType: 0)])
    case [0xa1, 0xb2, 0x3c, 0x4d]:
      (isNG, isBigEndian, interfaces) = (false, true, [Interface(linkType: 0, resolution: 1_000_000_000)])
    default: throw Malformed(offset: 0, message: "this is neither a pcap nor a pcapng file")
    }
    guard !isNG else { return }
    guard bytes.count >= 24 else { throw Malformed(offset: 4, message: "the file's header is cut off") }
    // The upper bits tell of frame check sequences.
    interfaces[0].linkType = word(20) & 0xffff
    position = 24
  }

  /// The next packet that is understood; nil at the end.
  public mutating func next() throws(Malformed) -> CapturedPacket? {
    while position < bytes.count {
      if let packet = isNG ? try nextBlock() : try nextRecord() { return packet }
    }
    return nil
  }

  private func word(_ at: Int) -> UInt32 {
    let value = bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: at, as: UInt32.self) }
    return isBigEndian ? UInt32(bigEndian: value) : UInt32(littleEndian: value)
  }

  private func half(_ at: Int) -> UInt16 {
    let value = bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: at, as: UInt16.self) }
    return isBigEndian ? UInt16(bigEndian: value) : UInt16(littleEndian: value)
  }

  // MARK: pcap

  private mutating func nextRecord() throws(Malformed) -> CapturedPacket? {
    guard position + 16 <= bytes.count else {
      throw Malformed(offset: position, message: "the last packet's header is cut off")
    }
    let interface = interfaces[0]
    let fraction = UInt64(word(position + 4)) * (1_000_000_000 / interface.resolution)
    let time = UInt64(word(position)) * 1_000_000_000 + fraction
    let captured = Int(word(position + 8))
    let length = Int(word(position + 12))
    let start = position + 16
    guard captured <= Self.longest, start + captured <= bytes.count else {
      throw Malformed(offset: position, message: "a packet of \(captured) bytes does not fit into the file")
    }
    position = start + captured
    return packet(interface.linkType, start, captured, length, time)
  }

  // MARK: pcapng

  private mutating func nextBlock() throws(Malformed) -> CapturedPacket? {
    let block = position
    guard block + 12 <= bytes.count else { throw Malformed(offset: block, message: "the last block is cut off") }
    if bytes[block..<block + 4].elementsEqual([0x0a, 0x0d, 0x0d, 0x0a]) {
      guard block + 28 <= bytes.count else { throw Malformed(offset: block, message: "a section's header is cut off") }
      switch Array(bytes[block + 8..<block + 12]) {
      case [0x4d, 0x3c, 0x2b, 0x1a]: isBigEndian = false
      case [0x1a, 0x2b, 0x3c, 0x4d]: isBigEndian = true
      default: throw Malformed(offset: block + 8, message: "a section of unknown byte order")
      }
      interfaces = []
    }
    let type = word(block)
    let size = Int(word(block + 4))
    guard size >= 12, size % 4 == 0, block + size <= bytes.count else {
      throw Malformed(offset: block, message: "a block of \(size) bytes does not fit into the file")
    }
    position = block + size
    let body = block + 8
    let end = block + size - 4
    switch type {
    case 1:
      guard body + 8 <= end else { throw Malformed(offset: block, message: "an interface's description is cut off") }
      interfaces.append(
        Interface(linkType: UInt32(half(body)), resolution: resolution(optionsAt: body + 8, to: end)))
    case 6:
      guard body + 20 <= end, Int(word(body)) < interfaces.count else {
        throw Malformed(offset: block, message: "a packet of an interface that the file does not describe")
      }
      let interface = interfaces[Int(word(body))]
      let units = UInt64(word(body + 4)) << 32 | UInt64(word(body + 8))
      let captured = Int(word(body + 12))
      guard captured <= Self.longest, body + 20 + captured <= end else {
        throw Malformed(offset: block, message: "a packet of \(captured) bytes does not fit into its block")
      }
      let (seconds, rest) = units.quotientAndRemainder(dividingBy: interface.resolution)
      let nanoseconds = rest.multipliedFullWidth(by: 1_000_000_000)
      let fraction = interface.resolution.dividingFullWidth(nanoseconds).quotient
      let time = seconds.multipliedReportingOverflow(by: 1_000_000_000)
      return packet(
        interface.linkType, body + 20, captured, Int(word(body + 16)),
        time.overflow ? 0 : time.partialValue.addingReportingOverflow(fraction).partialValue)
    case 3:
      guard let interface = interfaces.first, body + 4 <= end else {
        throw Malformed(offset: block, message: "a packet of an interface that the file does not describe")
      }
      let length = Int(word(body))
      return packet(interface.linkType, body + 4, min(length, end - body - 4), length, 0)
    default: break
    }
    return nil
  }

  /// The option if_tsresol: a power of ten, or of two where its highest bit is set.
  private func resolution(optionsAt start: Int, to end: Int) -> UInt64 {
    var at = start
    while at + 4 <= end {
      let (code, length) = (half(at), Int(half(at + 2)))
      if code == 0 || at + 4 + length > end { break }
      if code == 9, length == 1 {
        let value = bytes[at + 4]
        let power = UInt64(value & 0x7f)
        if value & 0x80 != 0 { return power < 64 ? 1 << power : 1_000_000 }
        return power < 20 ? (0..<power).reduce(UInt64(1)) { product, _ in product * 10 } : 1_000_000
      }
      at += 4 + (length + 3) / 4 * 4
    }
    return 1_000_000
  }

  // MARK: Link layers

  private mutating func packet(
    _ linkType: UInt32, _ start: Int, _ captured: Int, _ length: Int, _ time: UInt64
  ) -> CapturedPacket? {
    let data = bytes[start..<start + captured]
    // What was cut off counts in the packet's own lengths.
    let missing = max(0, min(length, 65_600) - captured)
    guard let frame = LinkLayer.ethernet(data, linkType) else {
      passedOver += 1
      return nil
    }
    return CapturedPacket(time: time, frame: frame + [UInt8](repeating: 0, count: missing))
  }
}

/// The link types of captures.
enum LinkLayer {
  /// The packet as an Ethernet frame; nil for what is not understood.
  static func ethernet(_ data: ArraySlice<UInt8>, _ linkType: UInt32) -> [UInt8]? {
    switch linkType {
    case 1: return data.count >= 14 ? Array(data) : nil
    // Raw IP: the type of its own, and what BSDs number it.
    case 101, 12, 14, 228, 229: return framed(data)
    // BSD loopback: four bytes of address family, in one byte order or the other.
    case 0, 108: return framed(data.dropFirst(4))
    // Linux cooked, of both versions.
    case 113: return data.count >= 16 ? framed(data.dropFirst(16), type: Array(data.dropFirst(14).prefix(2))) : nil
    case 276: return data.count >= 20 ? framed(data.dropFirst(20), type: Array(data.prefix(2))) : nil
    default: return nil
    }
  }

  /// - Parameter type: the EtherType where the link layer has one.
  private static func framed(_ data: ArraySlice<UInt8>, type: [UInt8]? = nil) -> [UInt8]? {
    let own: [UInt8]
    switch (data.first ?? 0) >> 4 {
    case 4: own = [0x08, 0x00]
    case 6: own = [0x86, 0xdd]
    default: own = [0, 0]
    }
    let type = type ?? own
    guard type != [0, 0] else { return nil }
    return [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1] + type + data
  }
}
