import Lab
import Netlink

/// Cables without switches for the measurement: client - director - each real server.
///
/// A switch costs as much for each packet as a director does, and would hide it.
enum Lane {
  static let clientInterface = "lane"
  static let directorInterface = "lane0"
  static let serverInterface = "lane"
  static let vip = address(30, 100)
  static let client = address(30, 2)
  static let servers = (1...3).map { address(30 + $0, 2) }

  /// The built-in lab with the lanes in it.
  static func added(to lab: Topology) -> Topology {
    var lab = lab
    for index in lab.hosts.indices {
      switch lab.hosts[index].name {
      case "client":
        lab.hosts[index].addresses.append(.init(clientInterface, IPPrefix(client, length: 24)))
        lab.hosts[index].routes += (1...3).map {
          .init(to: IPPrefix(address(30 + $0, 0), length: 24), via: address(30, 1))
        }
      case "director":
        lab.hosts[index].addresses +=
          [.init(directorInterface, IPPrefix(address(30, 1), length: 24)), .init(directorInterface, IPPrefix(vip))]
          + (1...3).map { .init("lane\($0)", IPPrefix(address(30 + $0, 1), length: 24)) }
      case let name where name.hasPrefix("rs"):
        guard let number = Int(name.dropFirst(2)) else { continue }
        lab.hosts[index].addresses.append(.init(serverInterface, IPPrefix(address(30 + number, 2), length: 24)))
      default: continue
      }
    }
    lab.links.append(.init(.init("client", clientInterface), .init("director", directorInterface)))
    lab.links += (1...3).map { .init(.init("director", "lane\($0)"), .init("rs\($0)", serverInterface)) }
    return lab
  }

  /// 10.NET.0.HOST.
  private static func address(_ net: Int, _ host: Int) -> IPAddress {
    IPAddress(family: .ipv4, words: (UInt32(10 | net << 8 | host << 24), 0, 0, 0))
  }
}
