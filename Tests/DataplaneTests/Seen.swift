import DataplaneTesting

@testable import Dataplane

/// What a frame without tags says.
struct Seen {
  var isIPv6: Bool
  var source: TestAddress
  var destination: TestAddress
  var sourcePort: UInt16
  var destinationPort: UInt16
  var ttl: UInt8
  var tos: UInt8
  /// The protocol, or the next header.
  var next: UInt8
  /// Of the IP packet.
  var length: Int
  var flowLabel: Int
  /// Whether IPv4's header has its checksum, and no options.
  var headerHolds: Bool

  init(_ frame: [UInt8]) {
    isIPv6 = frame[12] == 0x86
    let (addresses, size) = isIPv6 ? (22, 16) : (26, 4)
    source = TestAddress(bytes: Array(frame[addresses..<addresses + size]))
    destination = TestAddress(bytes: Array(frame[addresses + size..<addresses + 2 * size]))
    let transport = addresses + 2 * size
    func word(_ at: Int) -> UInt16 { UInt16(frame[at]) << 8 | UInt16(frame[at + 1]) }
    sourcePort = word(transport)
    destinationPort = word(transport + 2)
    ttl = frame[isIPv6 ? 21 : 22]
    tos = isIPv6 ? frame[14] << 4 | frame[15] >> 4 : frame[15]
    next = frame[isIPv6 ? 20 : 23]
    length = isIPv6 ? Int(word(18)) + 40 : Int(word(16))
    flowLabel = isIPv6 ? Int(frame[15] & 15) << 16 | Int(word(16)) : 0
    headerHolds = isIPv6 ? frame[14] >> 4 == 6 : frame[14] == 0x45 && internetChecksum(Array(frame[14..<34])) == 0
  }
}
