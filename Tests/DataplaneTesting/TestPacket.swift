import Dataplane
import DataplaneTypes
import Glibc

/// A frame in the making, for tests: every field may be set, checksums come out right unless told otherwise.
public struct TestPacket {
  public enum ChecksumState: Sendable { case whole, partial, zero, wrong }

  public var vlans: [UInt16] = []
  public var source = TestAddress("10.1.0.1")
  public var destination = TestAddress("10.9.9.1")
  public var proto: UInt8 = 6
  public var sourcePort: UInt16 = 40_000
  public var destinationPort: UInt16 = 80
  public var flags: TCPFlags = .syn
  /// Of SCTP: the first chunk's type, and its length where that is not the rest of the packet.
  public var chunk: UInt8 = 1
  public var chunkLength: UInt16?
  public var ttl: UInt8 = 64
  public var tos: UInt8 = 0
  public var id: UInt16 = 1
  /// The flags and offset word of IPv4.
  public var fragment: UInt16 = 0x4000
  /// IPv4 options, a multiple of four bytes.
  public var options: [UInt8] = []
  /// IPv6 extension headers: type and contents after the two first bytes.
  public var extensions: [(UInt8, [UInt8])] = []
  public var payload: [UInt8] = []
  public var checksum = ChecksumState.whole
  /// Bytes after the IP packet, as Ethernet pads.
  public var padding = 0

  public init() {}

  public var bytes: [UInt8] {
    var frame: [UInt8] = [2, 0, 0, 0, 0, 0xd0, 2, 0, 0, 0, 0, 0xc0]
    for vlan in vlans { frame += [0x81, 0, UInt8(vlan >> 8), UInt8(vlan & 255)] }
    let transport = transportBytes
    if source.isIPv6 {
      frame += [0x86, 0xdd] + ipv6(transport)
    } else {
      frame += [8, 0] + ipv4(transport)
    }
    return frame + [UInt8](repeating: 0, count: padding)
  }

  private func ipv4(_ body: [UInt8]) -> [UInt8] {
    let length = 20 + options.count + body.count
    var header: [UInt8] = [
      0x40 | UInt8((20 + options.count) / 4), tos, UInt8(length >> 8 & 255), UInt8(length & 255), UInt8(id >> 8),
      UInt8(id & 255), UInt8(fragment >> 8), UInt8(fragment & 255), ttl, proto, 0, 0,
    ]
    header += source.bytes + destination.bytes + options
    let sum = internetChecksum(header)
    header[10] = UInt8(sum >> 8)
    header[11] = UInt8(sum & 255)
    return header + body
  }

  private func ipv6(_ body: [UInt8]) -> [UInt8] {
    var chain: [UInt8] = []
    for (i, (_, contents)) in extensions.enumerated() {
      let next = i + 1 < extensions.count ? extensions[i + 1].0 : proto
      chain += [next, UInt8((contents.count + 2) / 8 - 1)] + contents
    }
    let length = chain.count + body.count
    let first = extensions.first?.0 ?? proto
    return [
      0x60 | tos >> 4, tos << 4, 0, 0, UInt8(length >> 8 & 255), UInt8(length & 255), first, ttl,
    ] + source.bytes + destination.bytes + chain + body
  }

  private var transportBytes: [UInt8] {
    var segment: [UInt8] = [
      UInt8(sourcePort >> 8), UInt8(sourcePort & 255), UInt8(destinationPort >> 8), UInt8(destinationPort & 255),
    ]
    let field: Int
    if proto == 132 {
      // No checksum: the director changes one that it does not look at.
      let length = chunkLength ?? UInt16(4 + payload.count)
      return segment + [0, 0, 0, 7, 1, 2, 3, 4, chunk, 0, UInt8(length >> 8), UInt8(length & 255)] + payload
    }
    if proto == 6 {
      segment += [0, 0, 0, 1, 0, 0, 0, 0, 0x50, flags.rawValue, 0xfa, 0xf0, 0, 0, 0, 0]
      field = 16
    } else {
      let length = 8 + payload.count
      segment += [UInt8(length >> 8 & 255), UInt8(length & 255), 0, 0]
      field = 6
    }
    segment += payload
    let pseudo =
      source.bytes + destination.bytes + [0, proto, UInt8(segment.count >> 8 & 255), UInt8(segment.count & 255)]
    var sum: UInt16
    switch checksum {
    case .whole: sum = internetChecksum(pseudo + segment)
    case .partial: sum = ~internetChecksum(pseudo)
    case .zero: sum = 0
    case .wrong: sum = internetChecksum(pseudo + segment) &+ 0x1234
    }
    if checksum == .whole, proto == 17, sum == 0 { sum = 0xffff }
    segment[field] = UInt8(sum >> 8)
    segment[field + 1] = UInt8(sum & 255)
    return segment
  }
}

/// An address of either family by its text.
public struct TestAddress: Hashable, Sendable {
  public let bytes: [UInt8]

  public init(_ text: String) {
    var buffer = [UInt8](repeating: 0, count: 16)
    if inet_pton(AF_INET, text, &buffer) == 1 {
      bytes = Array(buffer[..<4])
    } else {
      precondition(inet_pton(AF_INET6, text, &buffer) == 1, "\(text) is no address")
      bytes = buffer
    }
  }

  public init(bytes: [UInt8]) { self.bytes = bytes }

  public var isIPv6: Bool { bytes.count == 16 }
  public var family: UInt8 { isIPv6 ? 10 : 2 }

  public var value: svs_addr {
    var address = svs_addr()
    withUnsafeMutableBytes(of: &address) { $0.copyBytes(from: bytes) }
    return address
  }
}

/// The Internet checksum over bytes, big-endian, complemented (RFC 1071).
public func internetChecksum(_ bytes: [UInt8]) -> UInt16 {
  var sum: UInt32 = 0
  for i in stride(from: 0, to: bytes.count, by: 2) {
    sum += UInt32(bytes[i]) << 8 | (i + 1 < bytes.count ? UInt32(bytes[i + 1]) : 0)
  }
  while sum >> 16 != 0 { sum = (sum & 0xffff) + (sum >> 16) }
  return ~UInt16(sum)
}
