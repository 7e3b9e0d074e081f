import Dataplane
import KernelDirector

/// A TCP segment, a UDP datagram or an SCTP chunk as an Ethernet frame, its checksums whole.
public struct FrameBuilder: Sendable {
  public var transport: TransportProtocol
  public var source: Endpoint
  public var destination: Endpoint
  public var flags: TCPFlags
  /// The type of SCTP's chunk.
  public var chunk: UInt8
  /// Bytes of data, all zero.
  public var payload: Int

  public init(
    _ transport: TransportProtocol, from source: Endpoint, to destination: Endpoint, flags: TCPFlags = [],
    chunk: UInt8 = SCTPChunk.initiation, payload: Int = 0
  ) {
    self.chunk = chunk
    self.transport = transport
    self.source = source
    self.destination = destination
    self.flags = flags
    self.payload = payload
  }

  /// The frame; both ends must be of one family.
  public var bytes: [UInt8] {
    let segment = segment
    let length = segment.count
    var frame: [UInt8] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1]
    if source.address.family == .ipv4 {
      let total = 20 + length
      var header: [UInt8] = [
        0x45, 0, UInt8(total >> 8), UInt8(total & 255), 0, 1, 0x40, 0, 64, transport.rawValue, 0, 0,
      ]
      header += source.address.bytes + destination.address.bytes
      let sum = Self.checksum(header)
      header[10] = UInt8(sum >> 8)
      header[11] = UInt8(sum & 255)
      frame += [8, 0] + header
    } else {
      frame += [0x86, 0xdd, 0x60, 0, 0, 0, UInt8(length >> 8), UInt8(length & 255), transport.rawValue, 64]
      frame += source.address.bytes + destination.address.bytes
    }
    return frame + segment
  }

  private var segment: [UInt8] {
    func word(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 255)] }
    var segment = word(source.port) + word(destination.port)
    let field: Int
    switch transport {
    case .tcp:
      segment += [0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags.rawValue, 0xff, 0xff, 0, 0, 0, 0]
      field = 16
    case .udp:
      segment += word(UInt16(8 + payload)) + [0, 0]
      field = 6
    case .sctp:
      segment += [0, 0, 0, 1, 0, 0, 0, 0, chunk, 0] + word(UInt16(4 + payload))
      segment += [UInt8](repeating: 0, count: (payload + 3) & ~3)
      let sum = Self.crc32c(segment)
      for byte in 0..<4 { segment[8 + byte] = UInt8(truncatingIfNeeded: sum >> UInt32(8 * byte)) }
      return segment
    }
    segment += [UInt8](repeating: 0, count: payload)
    let pseudo =
      source.address.bytes + destination.address.bytes + [0, transport.rawValue] + word(UInt16(segment.count))
    var sum = Self.checksum(pseudo + segment)
    // RFC 768: a sum of zero is sent as its other form.
    if transport == .udp, sum == 0 { sum = 0xffff }
    segment[field] = UInt8(sum >> 8)
    segment[field + 1] = UInt8(sum & 255)
    return segment
  }

  /// SCTP's checksum (RFC 9260, appendix A).
  static func crc32c(_ bytes: [UInt8]) -> UInt32 {
    var crc = ~UInt32(0)
    for byte in bytes {
      crc ^= UInt32(byte)
      for _ in 0..<8 { crc = crc >> 1 ^ (crc & 1 != 0 ? 0x82f6_3b78 : 0) }
    }
    return ~crc
  }

  /// The Internet checksum (RFC 1071).
  static func checksum(_ bytes: [UInt8]) -> UInt16 {
    var sum: UInt32 = 0
    for i in stride(from: 0, to: bytes.count, by: 2) {
      sum += UInt32(bytes[i]) << 8 | (i + 1 < bytes.count ? UInt32(bytes[i + 1]) : 0)
    }
    while sum >> 16 != 0 { sum = (sum & 0xffff) + (sum >> 16) }
    return ~UInt16(sum)
  }
}
