import ClusterModel
import Lab
import Netlink

/// The files by which programs in a cluster find names.
enum NameFiles {
  /// `/etc/resolv.conf` as kubelet writes it: the cluster's DNS server, and the domains that short names are tried in.
  static func resolver(_ layout: ClusterLayout, namespace: String) -> Topology.File {
    Topology.File(
      "resolv.conf",
      """
      nameserver \(layout.resolver)
      search \(namespace).svc.\(layout.domain) svc.\(layout.domain) \(layout.domain)
      options ndots:5

      """)
  }

  /// `/etc/hosts` of a pod: itself, and nobody else.
  static func hosts(of pod: ClusterLayout.Pod) -> Topology.File {
    Topology.File("hosts", loopback + "\(pod.address) \(pod.name)\n")
  }

  /// `/etc/hosts` of the nodes and of the host outside: the nodes.
  ///
  /// Outside it also has what the world's DNS would have: the hosts of the ingress, at the nodes' addresses.
  static func hosts(_ layout: ClusterLayout, isOutside: Bool) -> Topology.File {
    var text = loopback
    for node in layout.nodes { text += "\(node.address.address) \(node.name)\n" }
    text += "\(layout.outside.address.address) \(layout.outside.name)\n"
    if isOutside {
      for name in ingressHosts(layout) {
        for node in layout.nodes { text += "\(node.address.address) \(name)\n" }
      }
    }
    return Topology.File("hosts", text)
  }

  /// The names that the rules of the cluster's ingresses ask for: each text in a `Host(…)`.
  static func ingressHosts(_ layout: ClusterLayout) -> [String] {
    var names: [String] = []
    for program in layout.pods.flatMap(\.programs) {
      guard case .ingress(let rules, _, _) = program.kind else { continue }
      for rule in rules.split(separator: "Host(", omittingEmptySubsequences: false).dropFirst() {
        let texts = rule.prefix { $0 != ")" }.split(separator: "`", omittingEmptySubsequences: false)
        for (position, text) in texts.enumerated() where position % 2 == 1 && isHostName(text) {
          if !names.contains(String(text)) { names.append(String(text)) }
        }
      }
    }
    return names
  }

  /// Whether it can stand in a line of a file of names.
  private static func isHostName(_ text: Substring) -> Bool {
    !text.isEmpty && text.utf8.count <= 253
      && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "." || $0 == "-") }
  }

  /// All the names, as the DNS server reads them.
  static func records(_ layout: ClusterLayout) -> String {
    layout.names.flatMap { record in record.addresses.map { "\($0) \(record.name)\n" } }.joined()
  }

  private static let loopback = "127.0.0.1 localhost\n::1 localhost\n"
}
