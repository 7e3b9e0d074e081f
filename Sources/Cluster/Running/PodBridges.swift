import ClusterModel
import Glibc
import Lab
import Netlink

/// The bridges that plug pods into their nodes: whether they are as they were made, and their return where others took
/// something of them away.
struct PodBridges {
  /// The metric of the route that refuses what is for services while no director takes it.
  static let lastResort: UInt32 = 4_096

  let hosts: ClusterHosts
  /// The lab's name.
  let lab: String

  init(_ layout: ClusterLayout, lab: String) {
    // No program is looked for.
    hosts = ClusterHosts(layout: layout, places: ProgramPlaces(folder: nil), podMTU: layout.podNetwork.podMTU)
    self.lab = lab
  }

  /// What is gone of a node's bridge, in words; nil where all is well.
  func fault(of node: ClusterLayout.Node) throws(NetlinkError) -> String? {
    try onNode(node) { socket throws(NetlinkError) in try View(socket, node, hosts).fault }
  }

  /// Puts back what is gone of a node's bridge.
  ///
  /// - Returns: what that was, in words; nil where nothing was gone.
  func mend(_ node: ClusterLayout.Node) throws(NetlinkError) -> String? {
    try onNode(node) { socket throws(NetlinkError) -> String? in
      let view = try View(socket, node, hosts)
      guard let fault = view.fault else { return nil }
      if view.bridge == nil {
        try socket.createLink(ClusterHosts.podBridge, .bridge, mac: ClusterHosts.mac(of: node.gateway.address))
      }
      let bridge = try socket.interface(named: ClusterHosts.podBridge).index
      for port in view.loose {
        // A pod that is just going takes its port along.
        try Self.tolerating(ENODEV) { () throws(NetlinkError) in
          try socket.setLink(port, master: bridge)
          try socket.setLink(port, up: true)
        }
      }
      try socket.setLink(bridge, up: true)
      try Self.tolerating(EEXIST) { () throws(NetlinkError) in
        try socket.addAddress(node.gateway, interfaceIndex: bridge)
      }
      try Self.tolerating(EEXIST) { () throws(NetlinkError) in
        try socket.addRoute(
          Route(to: hosts.layout.serviceNetwork.network, kind: .unreachable, metric: Self.lastResort))
      }
      return fault
    }
  }

  /// A node's bridge as it stands.
  private struct View {
    var bridge: Interface?
    /// The pods' ends that are not plugged in, or are down.
    var loose: [UInt32] = []
    var hasAddress = false
    var refuses = false

    init(
      _ socket: borrowing NetlinkSocket, _ node: ClusterLayout.Node, _ hosts: ClusterHosts
    ) throws(NetlinkError) {
      let links = try socket.interfaces()
      let names = Set(hosts.layout.pods.filter { $0.node == node.name }.map { hosts.port(of: $0) })
      let found = links.first { $0.name == ClusterHosts.podBridge }
      bridge = found
      for link in links where names.contains(link.name) {
        if found == nil || link.master != found?.index || !link.flags.contains(.up) { loose.append(link.index) }
      }
      hasAddress = try socket.addresses().contains { $0.interfaceIndex == found?.index && $0.prefix == node.gateway }
      let services = hosts.layout.serviceNetwork.network
      refuses = try socket.routeEntries().contains {
        $0.route.destination == services && $0.route.kind == .unreachable
          && $0.route.metric == PodBridges.lastResort
      }
    }

    var fault: String? {
      let name = ClusterHosts.podBridge
      guard let bridge else { return "the pods' bridge \(name) is gone" }
      if !bridge.flags.contains(.up) { return "the pods' bridge \(name) is down" }
      if !hasAddress { return "the pods' bridge \(name) has lost its address" }
      if !loose.isEmpty { return "pods are not plugged into the bridge \(name)" }
      return refuses ? nil : "the route is gone that refuses what is for no service"
    }
  }

  private func onNode<R>(
    _ node: ClusterLayout.Node, _ body: (borrowing NetlinkSocket) throws(NetlinkError) -> R
  ) throws(NetlinkError) -> R {
    let namespace = try NetworkNamespace.named(Lab.namespaceName(lab: lab, host: node.name))
    return try namespace.perform { () throws(NetlinkError) in try body(try NetlinkSocket()) }
  }

  private static func tolerating(_ code: CInt, _ body: () throws(NetlinkError) -> Void) throws(NetlinkError) {
    do { try body() } catch {
      guard error.code == code else { throw error }
    }
  }
}
