import ClusterModel
import HostSystem
import Netlink

/// The netfilter rules of `--ip-masq`, in a table of their own; what they let keep its source is as with flannel.
///
/// Nothing is kept from being tracked, unlike in a lab: on a host, kube-proxy's translations live by the tracking.
enum Masquerading {
  static let table = "svs-overlay"

  /// A file for `nft -f`, which takes it as a whole or not at all.
  static func rules(_ configuration: FlannelConfiguration, _ lease: SubnetLease) -> String {
    var lines: [String] = []
    let families = [
      ("ip", configuration.ipv4?.prefix, Optional(lease.subnet), "224.0.0.0/4"),
      ("ip6", configuration.ipv6?.prefix, lease.ipv6Subnet, "ff00::/8"),
    ]
    for (word, pods, own, groups) in families {
      guard let pods, let own else { continue }
      lines += [
        "\(word) saddr \(pods) \(word) daddr \(pods) return",
        // To this node's own pods: who came from outside is to be seen.
        "\(word) daddr \(own) return",
        "\(word) saddr \(pods) \(word) daddr != \(groups) masquerade fully-random",
        // To another node's pods: its answers are to come back here.
        "\(word) daddr \(pods) masquerade fully-random",
      ]
    }
    return """
      table inet \(table)
      delete table inet \(table)
      table inet \(table) {
        chain leaving {
          type nat hook postrouting priority srcnat; policy accept;
      \(lines.map { "    \($0)\n" }.joined())  }
      }

      """
  }

  static func apply(_ rules: String, _ namespace: borrowing NetworkNamespace) throws(OverlayNodeError) {
    let done = try run(["nft", "-f", "-"], rules, namespace)
    guard done.ending == .exited(code: 0) else {
      throw .masquerading(String(decoding: done.errors.prefix(400), as: UTF8.self))
    }
  }

  /// Whether the table is there; others, such as firewalls that are started again, empty all of them.
  static func isThere(_ namespace: borrowing NetworkNamespace) throws(OverlayNodeError) -> Bool {
    try run(["nft", "list", "table", "inet", table], "", namespace).ending == .exited(code: 0)
  }

  /// Takes away what this or an earlier run made. That there is none is no error.
  static func remove(_ namespace: borrowing NetworkNamespace) throws(OverlayNodeError) {
    guard try isThere(namespace) else { return }
    try apply("delete table inet \(table)\n", namespace)
  }

  private static func run(
    _ arguments: [String], _ input: String, _ namespace: borrowing NetworkNamespace
  ) throws(OverlayNodeError) -> Command.Result {
    let result: Result<Command.Result, SystemError>
    do throws(NetlinkError) {
      result = try namespace.perform { () throws(NetlinkError) in
        do throws(SystemError) {
          return .success(try Command(arguments).run(input: Array(input.utf8)))
        } catch { return .failure(error) }
      }
    } catch { throw .network(error) }
    do throws(SystemError) { return try result.get() } catch { throw .system(error) }
  }
}
