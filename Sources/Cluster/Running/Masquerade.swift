import ClusterModel
import Netlink

/// The netfilter rules of a node: what its pods send out of the pods' network leaves with the node's address.
///
/// As flannel's `--ip-masq`: traffic from pod to pod and multicast keep their source. Ports that services from outside
/// may have at a node's address are left out: an answer to one of those would be taken for a request to a service.
enum Masquerade {
  static let table = "svs-cluster"

  /// Not the privileged ones, and below NodePorts, which begin at 30000.
  private static let range: ClosedRange<UInt16> = 1_024...29_999

  /// The ports that nodes send from: the longest row of them that is no service's.
  static func ports(of layout: ClusterLayout) -> ClosedRange<UInt16> {
    var longest: ClosedRange<UInt16>?
    var first = range.lowerBound
    let taken = Set(layout.services.compactMap(\.nodePort)).filter(range.contains).sorted()
    for port in taken + [range.upperBound + 1] {
      if port > first, longest.map({ $0.count < Int(port - first) }) ?? true { longest = first...port - 1 }
      first = port + 1
    }
    return longest ?? range
  }

  /// The rules for a layout.
  static func rules(_ layout: ClusterLayout) -> String { rules(layout.podNetwork, ports: ports(of: layout)) }

  /// A file for `nft -f`, which takes it as a whole or not at all.
  static func rules(_ network: FlannelConfiguration, ports: ClosedRange<UInt16> = Masquerade.range) -> String {
    guard let pods = network.ipv4?.prefix else { return "" }
    let ports = "\(ports.lowerBound)-\(ports.upperBound)"
    let leaving = "ip saddr \(pods) ip daddr != \(pods) ip daddr != 224.0.0.0/4"
    return """
      table ip \(table)
      delete table ip \(table)
      table ip \(table) {
        chain leaving {
          type nat hook postrouting priority srcnat; policy accept;
          \(leaving) meta l4proto { tcp, udp } masquerade to :\(ports) fully-random
          \(leaving) masquerade fully-random
        }
      }

      """
  }
}
