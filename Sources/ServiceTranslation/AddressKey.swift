import ClusterModel
import Netlink
import SocketDataplane
import SocketDataplaneTypes

/// An address with its port and protocol, as the kernel's tables know it, comparable.
struct AddressKey: Hashable, Comparable, Sendable {
  private var high: UInt64
  private var low: UInt64
  private var place: UInt32

  init(_ address: IPAddress, port: UInt16, _ transport: ServicePort.TransportProtocol) {
    self.init(
      svs_sock_address(
        words: address.family == .ipv6 ? address.words : (0, 0, UInt32(0xFFFF).bigEndian, address.words.0),
        port: port.bigEndian, protocol: transport.rawValue, zero: 0))
  }

  init(_ raw: svs_sock_address) {
    high = UInt64(raw.words.0) << 32 | UInt64(raw.words.1)
    low = UInt64(raw.words.2) << 32 | UInt64(raw.words.3)
    place = UInt32(raw.port) << 8 | UInt32(raw.protocol)
  }

  var raw: svs_sock_address {
    svs_sock_address(
      words: (
        UInt32(truncatingIfNeeded: high >> 32), UInt32(truncatingIfNeeded: high),
        UInt32(truncatingIfNeeded: low >> 32), UInt32(truncatingIfNeeded: low)
      ), port: UInt16(truncatingIfNeeded: place >> 8), protocol: UInt8(truncatingIfNeeded: place), zero: 0)
  }

  /// The entry under this address that leads to a service.
  func entry(_ service: UInt32) -> svs_sock_entry {
    withUnsafePointer(to: raw) { svs_sock_entry(service: service, echo: ServiceEntry.echo($0)) }
  }

  var transport: ServicePort.TransportProtocol? {
    ServicePort.TransportProtocol(rawValue: UInt8(truncatingIfNeeded: place))
  }

  var port: UInt16 { UInt16(bigEndian: UInt16(truncatingIfNeeded: place >> 8)) }

  var address: IPAddress {
    let words = raw.words
    return words.0 == 0 && words.1 == 0 && words.2 == UInt32(0xFFFF).bigEndian
      ? IPAddress(family: .ipv4, words: (words.3, 0, 0, 0)) : IPAddress(family: .ipv6, words: words)
  }

  /// IPv4 before IPv6, then by address, port and protocol.
  static func < (a: AddressKey, b: AddressKey) -> Bool {
    let (one, other) = (a.raw, b.raw)
    if one.words.0 != other.words.0 { return one.words.0.bigEndian < other.words.0.bigEndian }
    if one.words.1 != other.words.1 { return one.words.1.bigEndian < other.words.1.bigEndian }
    if one.words.2 != other.words.2 { return one.words.2.bigEndian < other.words.2.bigEndian }
    if one.words.3 != other.words.3 { return one.words.3.bigEndian < other.words.3.bigEndian }
    return a.port != b.port ? a.port < b.port : one.protocol < other.protocol
  }
}
