import ClusterModel
import Netlink

/// The netfilter rules of a node: what its pods send out of the pods' network leaves with the node's address.
///
/// As flannel's `--ip-masq`: traffic from pod to pod and multicast keep their source. Ports that services from outside
/// may have at a node's address are left out: an answer to one of those would be taken for a request to a service.
enum Masquerade {
  static let table = "svs-cluster"

  /// Below NodePorts, which begin at 30000.
  private static let ports = "1024-29999"

  /// A file for `nft -f`, which takes it as a whole or not at all.
  static func rules(_ network: FlannelConfiguration) -> String {
    guard let pods = network.ipv4?.prefix else { return "" }
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
