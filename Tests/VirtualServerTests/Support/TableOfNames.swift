import KernelDirector
import VirtualServer

/// The names that the recording machine knew, as far as the records use them.
struct TableOfNames: NameService {
  private static let hosts: [(name: String, address: String)] = [
    ("localhost", "127.0.0.1"), ("oracle", "127.0.0.1"), ("ip6-localhost", "127.0.0.1"), ("localhost", "::1"),
    ("web.example", "192.0.2.10"), ("vip.example", "10.9.9.1"), ("rs1.example", "10.0.0.11"),
    ("a-very-long-host-name.with-a-long-domain.example", "10.5.5.5"),
    ("alias5", "10.5.5.5"), ("exactly-twentythree.org", "10.5.5.6"), ("six.example", "fd00::55"),
    ("a-very-long-host-name-six.with-a-long-domain.and-more-labels.example", "fd00::66"),
  ]

  private static let services: [(name: String, port: UInt16, transports: [TransportProtocol])] = [
    ("http", 80, [.tcp]), ("www", 80, [.tcp]), ("https", 443, [.tcp, .udp]), ("http-alt", 8080, [.tcp, .udp]),
    ("domain", 53, [.tcp, .udp]), ("tftp", 69, [.udp]), ("kerberos", 88, [.tcp, .udp]), ("iso-tsap", 102, [.tcp]),
    ("exec", 512, [.tcp]), ("biff", 512, [.udp]), ("shell", 514, [.tcp]), ("syslog", 514, [.udp]),
    ("sip", 5060, [.tcp, .udp]), ("bootps", 67, [.udp]), ("finger", 79, [.tcp]), ("tcpmux", 1, [.tcp]),
    ("discard", 9, [.tcp, .udp]), ("echo", 7, [.tcp, .udp]),
  ]

  /// As a resolver does: without regard to case, and IPv4 only.
  func address(ofHost name: String) -> IPAddress? {
    let found = Self.hosts.first { $0.name == name.lowercased() && !$0.address.contains(":") }
    return found.flatMap { IPAddress($0.address) }
  }

  func host(at address: IPAddress) -> String? {
    Self.hosts.first { IPAddress($0.address) == address }?.name
  }

  func port(ofService name: String, over transport: TransportProtocol) -> UInt16? {
    Self.services.first { $0.name == name && $0.transports.contains(transport) }?.port
  }

  func service(at port: UInt16, over transport: TransportProtocol) -> String? {
    Self.services.first { $0.port == port && $0.transports.contains(transport) }?.name
  }
}
