import Lab
import Netlink

/// A forwarding method in the words of the tests.
enum Method: String, CaseIterable, Sendable {
  case nat = "-m"
  case direct = "-g"
  case tunnel = "-i"
  case fullNAT = "--fullnat"

  /// IPVS's own.
  static var allCases: [Method] { [.nat, .direct, .tunnel] }

  var listed: String {
    switch self {
    case .nat: "Masq"
    case .direct: "Route"
    case .tunnel: "Tunnel"
    case .fullNAT: "FullNat"
    }
  }

  /// Whether the director sees the servers' answers.
  var seesAnswers: Bool { self == .nat || self == .fullNAT }
}

/// A way of balancing: a method, over an IP version.
struct Case: Sendable, CustomStringConvertible {
  var method: Method
  var six: Bool

  static let all = Method.allCases.flatMap { [Case(method: $0, six: false), Case(method: $0, six: true)] }

  var description: String { "\(method) IPv\(six ? 6 : 4)" }

  /// The VIP of the method in the lab `all`.
  var vip: String {
    let host =
      switch method {
      case .nat: 100
      case .direct: 101
      case .tunnel: 102
      case .fullNAT: 103
      }
    return address(net: 1, host: host)
  }

  /// As it stands in a URL and in ipvsadm's commands.
  var bracketedVIP: String { bracketed(vip) }

  func address(net: Int, host: Int) -> String { six ? "fd10:\(net)::\(host)" : "10.\(net).0.\(host)" }

  func bracketed(_ address: String) -> String { six ? "[\(address)]" : address }

  /// The real servers' addresses in network 2, behind the director, or 1, the client's.
  func servers(net: Int? = nil) -> [String] {
    (11...13).map { address(net: net ?? (method == .direct ? 1 : 2), host: $0) }
  }
}

/// Networks for the tests, made of the lab `all`: servers with a foot in the client's network, for DR, and one behind
/// the director, for NAT and TUN.
enum Stage {
  static var plain: Topology { BuiltInLab.all.topology }

  /// What the director's side of a network is made of.
  enum Side: String, CaseIterable, Sendable {
    case plain, bridge, bond, vlan, vlanOnBridge, vxlan

    /// Whether this kernel can make such a device.
    var isAvailable: Bool {
      guard self == .bond || self == .vlan || self == .vlanOnBridge else { return true }
      var topology = Topology(hosts: [.init("a"), .init("b")], links: [.init(.init("a", "x"), .init("b", "x"))])
      topology.hosts[0].devices = [.init("y", self == .bond ? .bond(mode: 1, ports: []) : .vlan(parent: "x", id: 5))]
      return (try? Lab(topology)) != nil
    }
  }

  /// The same network, with other devices at the director.
  static func network(front: Side = .plain, back: Side = .plain) -> Topology {
    var topology = plain
    topology.replace("front", by: front, towards: "switch", servers: "eth0", id: 6)
    topology.replace("back", by: back, towards: "backswitch", servers: "eth1", id: 7)
    return topology
  }
}

extension Topology {
  mutating func change(_ host: String, _ body: (inout Host) -> Void) {
    for index in hosts.indices where hosts[index].name == host { body(&hosts[index]) }
  }

  mutating func renameEnd(_ host: String, _ interface: String, _ new: String) {
    for index in links.indices {
      if links[index].first == .init(host, interface) { links[index].first.interface = new }
      if links[index].second == .init(host, interface) { links[index].second.interface = new }
    }
  }

  /// Puts a device of another kind in the place of one of the director's; the veth below it gets `-port` behind its name.
  fileprivate mutating func replace(
    _ name: String, by side: Stage.Side, towards ethernetSwitch: String, servers: String, id: UInt16
  ) {
    if side == .plain { return }
    let port = "\(name)-port"
    renameEnd("director", name, port)
    switch side {
    case .plain: break
    case .bridge: change("director") { $0.devices.append(Device(name, .bridge(ports: [port]))) }
    case .bond: change("director") { $0.devices.append(Device(name, .bond(mode: 1, ports: [port]))) }
    case .vlan, .vlanOnBridge:
      change("director") {
        if side == .vlanOnBridge { $0.devices.append(Device("\(name)-br", .bridge(ports: [port]))) }
        $0.devices.append(Device(name, .vlan(parent: side == .vlan ? port : "\(name)-br", id: id)))
      }
      for host in ["rs1", "rs2", "rs3", "client"] where links.contains(where: { $0.ends(host, servers) }) {
        // A tag in front of 1,500 bytes is no longer frame.
        renameEnd(host, servers, "\(servers)-port")
        change(host) { $0.devices.append(Device(servers, .vlan(parent: "\(servers)-port", id: id))) }
      }
    case .vxlan:
      // The switch is the other end of the tunnel.
      let ends = [IPAddress("10.9.0.1"), IPAddress("10.9.0.2")].compactMap { $0 }
      change("director") {
        $0.devices.append(Device(name, .vxlan(id: UInt32(id), local: ends[0], remote: ends[1], port: 4789)))
        $0.addresses.append(Address(port, IPPrefix(ends[0], length: 24)))
      }
      change(ethernetSwitch) {
        $0.devices.insert(
          Device("vx0", .vxlan(id: UInt32(id), local: ends[1], remote: ends[0], port: 4789)), at: 0)
        $0.devices[1] = Device("br0", .bridge(ports: ["vx0", "port1", "port2", "port3"]))
        $0.addresses.append(Address("port0", IPPrefix(ends[1], length: 24)))
      }
      for index in links.indices where links[index].ends(at: servers) { links[index].mtu = 1450 }
    }
  }
}

extension Topology.Link {
  func ends(_ host: String, _ interface: String) -> Bool {
    first == .init(host, interface) || second == .init(host, interface)
  }

  func ends(at interface: String) -> Bool { first.interface == interface || second.interface == interface }
}
