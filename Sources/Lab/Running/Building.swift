import CSystem
import Glibc
import HostSystem
import Netlink
import RealServerSetup

extension RunningLab {
  /// Makes everything, in an order in which each part finds what it stands on.
  func build(_ wait: Waiting) throws(LabError) {
    let topology = topology
    for host in topology.hosts {
      try wait.checkIsWanted()
      try makeNamespace(host)
    }
    for link in topology.links { try makeLink(link) }
    for host in topology.hosts {
      try wait.checkIsWanted()
      try configure(host)
    }
    try waitForNetwork(topology.hosts, wait)
    for host in topology.hosts {
      for process in host.processes { _ = try start(process, on: host.name) }
    }
    try waitForListeners(topology.hosts, wait)
  }

  /// Adds hosts and their cables to what is up; a far end of a cable may be the port of a bridge that is there.
  func add(_ hosts: [Topology.Host], _ links: [Topology.Link], _ wait: Waiting) throws(LabError) {
    for host in hosts { try makeNamespace(host) }
    for link in links { try makeLink(link) }
    let topology = topology
    for link in links {
      for end in [link.first, link.second] where !hosts.contains(where: { $0.name == end.host }) {
        let bridge = try host(end.host).devices.first { $0.lowerInterfaces.contains(end.interface) }?.name
        try configure(end.host) { socket throws(NetlinkError) in
          let index = try socket.interface(named: end.interface).index
          if let bridge { try socket.setLink(index, master: try socket.interface(named: bridge).index) }
          try socket.setLink(index, up: true)
        }
      }
    }
    for host in hosts { try configure(host) }
    let neighbours = Set(links.flatMap { [$0.first.host, $0.second.host] })
    try waitForNetwork(topology.hosts.filter { neighbours.contains($0.name) }, wait)
    for host in hosts {
      for process in host.processes { _ = try start(process, on: host.name) }
    }
    try waitForListeners(hosts, wait)
  }

  private func makeNamespace(_ host: Topology.Host) throws(LabError) {
    try attempt { () throws(SystemError) in try Files.makeFolder(folder(of: host.name)) }
    let name = Lab.namespaceName(lab: self.name, host: host.name)
    // "intend" must never stand for a namespace that somebody else made.
    guard access("\(NetworkNamespace.folder)/\(name)", F_OK) != 0 else {
      throw .network(
        NetlinkError(code: EEXIST, action: "create the network namespace \(name)", detail: "somebody else's"),
        host: nil)
    }
    try state.record(.intend(host: host.name))
    let cookie: UInt64
    do {
      cookie = try NetworkNamespace.create(name).cookie
    } catch {
      if error.code == EEXIST { try state.record(.dropped(host: host.name)) }
      throw .network(error, host: nil)
    }
    try state.record(.namespace(host: host.name, cookie: cookie))
    try adjust(host.name) { () throws(SystemError) in
      for (key, value) in Lab.baseSysctls { try Sysctls.set(key, value, optional: key.hasPrefix("net.ipv6.")) }
    }
    try configure(host.name) { socket throws(NetlinkError) in try socket.setLink(1, up: true) }
  }

  private func makeLink(_ link: Topology.Link) throws(LabError) {
    let far = try namespace(of: link.second.host)
    try configure(link.first.host) { socket throws(NetlinkError) in
      try socket.createLink(
        link.first.interface, .veth(peer: link.second.interface, peerNamespace: far.descriptor))
    }
    for end in [link.first, link.second] {
      if let mtu = link.mtu {
        try configure(end.host) { socket throws(NetlinkError) in
          try socket.setLink(try socket.interface(named: end.interface).index, mtu: mtu)
        }
      }
      if link.offloads == .asOnTheWire { try setOffloads(end, forwards: try host(end.host).forwards) }
    }
  }

  /// XDP on veth wants `gro on` at the peer, and packets whose checksums are complete.
  ///
  /// End points also segment for themselves, as a program sees frames only up to a page. A host that forwards keeps
  /// segmentation by the kernel, for which it does not pay until a packet really leaves.
  private func setOffloads(_ end: Topology.Link.End, forwards: Bool) throws(LabError) {
    try configure(end.host) { _ throws(NetlinkError) in
      let control = try DeviceControl()
      if !forwards {
        try control.set(.tcpSegmentation, false, on: end.interface)
        try control.set(.genericSegmentation, false, on: end.interface)
      }
      try control.set(.transmitChecksum, false, on: end.interface)
      try control.set(.genericReceive, true, on: end.interface)
    }
  }

  private func configure(_ host: Topology.Host) throws(LabError) {
    let ownInterfaces = topology.interfaces(of: host)
    try configure(host.name) { socket throws(NetlinkError) in
      for device in host.devices { try socket.make(device) }
      for (interface, mac) in host.macs {
        try socket.setLink(try socket.interface(named: interface).index, mac: mac)
      }
      // Not whatever else there is: a kernel with tunnels puts its fallback devices into every namespace.
      for name in ownInterfaces { try socket.setLink(try socket.interface(named: name).index, up: true) }
    }
    try adjust(host.name) { () throws(SystemError) in
      if host.forwards {
        try Sysctls.set("net.ipv4.ip_forward", "1")
        try Sysctls.set("net.ipv6.conf.all.forwarding", "1", optional: true)
      }
      for sysctl in host.sysctls { try Sysctls.set(sysctl.key, sysctl.value) }
    }
    try configure(host.name) { socket throws(NetlinkError) in
      for address in host.addresses {
        try socket.addAddress(
          address.prefix, interfaceIndex: try socket.interface(named: address.interface).index,
          isDeprecated: address.isDeprecated)
      }
      for route in host.routes {
        try socket.addRoute(
          Route(
            to: route.destination, via: route.gateway,
            interfaceIndex: try route.interface.map { name throws(NetlinkError) in
              try socket.interface(named: name).index
            } ?? (route.isLocal ? 1 : nil),
            source: route.source, table: route.table, kind: route.kind,
            metric: route.metric))
      }
      for rule in host.rules { try socket.addRule(rule) }
    }
    for role in host.realServers {
      try inside(host.name) { () throws(LabError) in
        do { try RealServer.up(RealServerPlan(role.vip, isTunnelled: role.isTunnelled)) } catch {
          throw .realServer(host: host.name, "\(error)")
        }
      }
    }
    for file in host.files {
      let path = "\(folder(of: host.name))/\(file.name)"
      try attempt { () throws(SystemError) in try Files.write(expand(file.text, on: host.name), to: path) }
    }
    try writeEtc(host)
  }

  private func writeEtc(_ host: Topology.Host) throws(LabError) {
    if host.etc.isEmpty { return }
    let folder = "/etc/netns/\(Lab.namespaceName(lab: name, host: host.name))"
    guard access(folder, F_OK) != 0 else {
      throw .system(SystemError(code: EEXIST, action: "make the folder \(folder), which is somebody else's"))
    }
    try state.record(.path(folder))
    try attempt { () throws(SystemError) in
      try Files.makeFolder(folder)
      for file in host.etc { try Files.write(expand(file.text, on: host.name), to: "\(folder)/\(file.name)") }
    }
  }

  /// Puts the host's folder where `{folder}` stands.
  func expand(_ text: String, on host: String) -> String {
    text.split(separator: "{folder}", omittingEmptySubsequences: false).joined(separator: folder(of: host))
  }
}

extension Topology.Route {
  fileprivate var kind: RouteKind { isLocal ? .local : isUnreachable ? .unreachable : .unicast }
}

extension Lab {
  /// What every namespace of a lab begins with.
  ///
  /// Hardware addresses in a lab are unique, so that duplicate address detection would only make everybody wait; and
  /// the reverse path is not checked, whatever the machine's own default, since replies of DR and TUN come another way.
  static let baseSysctls = [
    ("net.ipv6.conf.all.accept_dad", "0"), ("net.ipv6.conf.default.accept_dad", "0"),
    ("net.ipv4.conf.all.rp_filter", "0"), ("net.ipv4.conf.default.rp_filter", "0"),
    ("net.ipv4.ip_unprivileged_port_start", "0"),
  ]
}

extension NetlinkSocket {
  fileprivate func make(_ device: Topology.Device) throws(NetlinkError) {
    switch device.kind {
    case .bridge(let ports):
      try createLink(device.name, .bridge)
      try enslave(ports, to: device.name)
    case .bond(let mode, let ports):
      try createLink(device.name, .bond(mode: mode))
      try enslave(ports, to: device.name)
    case .vlan(let parent, let id):
      try createLink(device.name, .vlan(parent: try interface(named: parent).index, id: id))
    case .vxlan(let id, let local, let remote, let port):
      try createLink(device.name, .vxlan(id: id, parent: nil, local: local, remote: remote, port: port))
    }
  }

  private func enslave(_ ports: [String], to name: String) throws(NetlinkError) {
    let master = try interface(named: name).index
    for port in ports {
      let port = try interface(named: port).index
      // A bond takes only links that are down.
      try setLink(port, up: false)
      try setLink(port, master: master)
    }
  }
}
