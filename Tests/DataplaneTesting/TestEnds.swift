/// An address with a port.
public struct TestEnd: Hashable, Sendable {
  public var address: TestAddress
  public var port: UInt16

  public init(_ address: TestAddress, _ port: UInt16) {
    self.address = address
    self.port = port
  }

  public init(_ address: String, _ port: UInt16) { self.init(TestAddress(address), port) }
}

/// From where to where a frame without tags goes, as TCP, UDP or SCTP over IPv4 without options or IPv6 without extensions.
public struct TestEnds {
  public let source: TestEnd
  public let destination: TestEnd
  public let proto: UInt8
  public let payload: [UInt8]
  /// Whether the checksums of IP and of TCP or UDP are right.
  public let isSound: Bool

  /// Nil for anything else.
  public init?(_ frame: [UInt8]) {
    let six = frame.count > 13 && frame[12] == 0x86 && frame[13] == 0xdd
    let network = 14
    let transport = network + (six ? 40 : 20)
    guard frame.count >= transport + 8, six || frame[12] == 8 && frame[13] == 0 && frame[network] == 0x45 else {
      return nil
    }
    let proto = frame[network + (six ? 6 : 9)]
    let header = [6: 20, 17: 8, 132: 12][proto]
    guard let header, frame.count >= transport + header else { return nil }
    let length = six ? 16 : 4
    let first = network + (six ? 8 : 12)
    let source = Array(frame[first..<first + length])
    let destination = Array(frame[first + length..<first + 2 * length])
    let size = Int(frame[network + (six ? 4 : 2)]) << 8 | Int(frame[network + (six ? 5 : 3)])
    let end = network + size + (six ? 40 : 0)
    guard end <= frame.count, end >= transport + header else { return nil }
    let segment = Array(frame[transport..<end])
    self.source = TestEnd(TestAddress(bytes: source), UInt16(segment[0]) << 8 | UInt16(segment[1]))
    self.destination = TestEnd(TestAddress(bytes: destination), UInt16(segment[2]) << 8 | UInt16(segment[3]))
    self.proto = proto
    payload = Array(segment.dropFirst(proto == 6 ? Int(segment[12] >> 4) * 4 : header))
    let pseudo = source + destination + [0, proto, UInt8(segment.count >> 8), UInt8(segment.count & 255)]
    isSound =
      (proto == 132 || internetChecksum(pseudo + segment) == 0)
      && (six || internetChecksum(Array(frame[network..<transport])) == 0)
  }
}
