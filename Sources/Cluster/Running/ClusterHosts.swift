import ClusterModel
import Lab
import Netlink

/// What a layout becomes in a lab: a namespace for each node and pod, one for the link between the nodes, one outside.
struct ClusterHosts {
  /// The nodes' network: a bridge that everybody on it is plugged into.
  static let underlay = "underlay"
  static let underlayBridge = "br0"
  /// As Kubernetes' own names, so that what people know to look for is there.
  static let outerInterface = "eth0"
  static let podBridge = "cni0"

  var layout: ClusterLayout
  var places: ProgramPlaces
  /// Of pods and their bridges, in bytes.
  var podMTU: UInt32

  /// The hosts and cables of the whole cluster, without its programs.
  func topology() -> Topology {
    var ports: [String] = []
    var links: [Topology.Link] = []
    for (number, host) in (layout.nodes.map(\.name) + [layout.outside.name]).enumerated() {
      let port = "port\(number + 1)"
      ports.append(port)
      links.append(
        Topology.Link(.init(host, Self.outerInterface), .init(Self.underlay, port), offloads: .untouched))
    }
    var hosts = [
      Topology.Host(Self.underlay, devices: [.init(Self.underlayBridge, .bridge(ports: ports))]),
      Topology.Host(
        layout.outside.name, addresses: [.init(Self.outerInterface, layout.outside.address)],
        etc: [NameFiles.hosts(layout, isOutside: true)]),
    ]
    hosts += layout.nodes.map(host(of:))
    hosts += layout.pods.map(host(of:))
    links += layout.pods.map(link(of:))
    return Topology(hosts: hosts, links: links)
  }

  private func host(of node: ClusterLayout.Node) -> Topology.Host {
    let pods = layout.pods.filter { $0.node == node.name }
    return Topology.Host(
      node.name, forwards: true,
      devices: [.init(Self.podBridge, .bridge(ports: pods.map { port(of: $0) }))],
      // A bridge without an address of its own takes the least of its ports', and changes it as pods come and go.
      macs: [Self.podBridge: Self.mac(of: node.gateway.address)],
      addresses: [.init(Self.outerInterface, node.address), .init(Self.podBridge, node.gateway)],
      // An address that is no service's is refused here, its pods' too, and travels nowhere.
      routes: [.init(to: layout.serviceNetwork, metric: PodBridges.lastResort, isUnreachable: true)],
      // A pod that is refused several times in a second is told so each time.
      sysctls: [.init("net.ipv4.icmp_ratelimit", "0")],
      etc: [NameFiles.resolver(layout, namespace: "default"), NameFiles.hosts(layout, isOutside: false)])
  }

  func host(of pod: ClusterLayout.Pod) -> Topology.Host {
    let node = layout.nodes.first { $0.name == pod.node }
    return Topology.Host(
      pod.name, macs: [Self.outerInterface: Self.mac(of: pod.address)],
      addresses: [.init(Self.outerInterface, IPPrefix(pod.address, length: node?.podSubnet.length ?? 24))],
      routes: [.init(to: .everything(pod.address.family), via: node?.gateway.address)],
      files: programs(of: pod).flatMap(\.files),
      etc: [NameFiles.resolver(layout, namespace: pod.namespace), NameFiles.hosts(of: pod)])
  }

  func link(of pod: ClusterLayout.Pod) -> Topology.Link {
    Topology.Link(
      .init(pod.name, Self.outerInterface), .init(pod.node, port(of: pod)), mtu: podMTU, offloads: .untouched)
  }

  /// The pod's end on its node; the pod's place in the subnet is in it, and so it is the only one.
  func port(of pod: ClusterLayout.Pod) -> String {
    guard let node = layout.nodes.first(where: { $0.name == pod.node }) else { return "veth-\(pod.name.prefix(8))" }
    return "veth\(pod.address.lastWord &- node.podSubnet.network.address.lastWord)"
  }

  func programs(of pod: ClusterLayout.Pod) -> [PodProgram] {
    pod.programs.map { PodProgram($0, of: pod, layout, places) }
  }

  func placements(of pods: [ClusterLayout.Pod]) -> [Lab.Placement] {
    pods.flatMap { pod in programs(of: pod).map { Lab.Placement($0.process, on: pod.name) } }
  }

  /// 0a:58 and the IPv4 address, as Kubernetes' bridge plugin makes them.
  static func mac(of address: IPAddress) -> MACAddress {
    MACAddress(bytes: [0x0A, 0x58] + address.bytes.suffix(4)) ?? MACAddress((2, 0, 0, 0, 0, 0))
  }
}

extension IPAddress {
  /// The last four bytes as a number.
  var lastWord: UInt32 { bytes.suffix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) } }
}
