import Glibc
import KernelDirector

/// The names this machine knows: hosts by gethostbyname(3), ports by getservbyname(3).
///
/// Every answer is kept, so that a long listing asks once for each address and port.
public struct SystemNames: NameService {
  private struct PortKey: Hashable {
    let port: UInt16
    let transport: TransportProtocol
  }

  private var addresses: [String: IPAddress?] = [:]
  private var hosts: [IPAddress: String?] = [:]
  private var services: [PortKey: String?] = [:]

  public init() {}

  public mutating func address(ofHost name: String) -> IPAddress? {
    if let known = addresses[name] { return known }
    var address: IPAddress?
    if let entry = gethostbyname(name)?.pointee, entry.h_addrtype == AF_INET, entry.h_length == 4,
      let first = entry.h_addr_list?[0]
    {
      let word = UnsafeRawPointer(first).loadUnaligned(as: UInt32.self)
      address = IPAddress(family: .ipv4, words: (word, 0, 0, 0))
    }
    addresses[name] = .some(address)
    return address
  }

  public mutating func host(at address: IPAddress) -> String? {
    if let known = hosts[address] { return known }
    let bytes = address.bytes
    let family = address.family == .ipv4 ? AF_INET : AF_INET6
    let name = gethostbyaddr(bytes, socklen_t(bytes.count), family)?.pointee.h_name.map { String(cString: $0) }
    hosts[address] = .some(name)
    return name
  }

  public mutating func port(ofService name: String, over transport: TransportProtocol) -> UInt16? {
    getservbyname(name, transport.name).map { UInt16(bigEndian: UInt16(truncatingIfNeeded: $0.pointee.s_port)) }
  }

  public mutating func service(at port: UInt16, over transport: TransportProtocol) -> String? {
    let key = PortKey(port: port, transport: transport)
    if let known = services[key] { return known }
    let name = getservbyport(Int32(port.bigEndian), transport.name)?.pointee.s_name.map { String(cString: $0) }
    services[key] = .some(name)
    return name
  }
}

extension TransportProtocol {
  /// The name in services(5).
  fileprivate var name: String {
    switch self {
    case .tcp: "tcp"
    case .udp: "udp"
    case .sctp: "sctp"
    }
  }
}
