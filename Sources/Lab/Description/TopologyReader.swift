import Glibc
import HostSystem
import Netlink

extension Topology {
  /// Reads the text form: one statement a line.
  ///
  ///     host director forwards
  ///     link client:eth0 director:front mtu 1500
  ///     bridge switch:br0 port1 port2
  ///     address client:eth0 10.1.0.2/24
  ///     route client default via 10.1.0.1
  ///     run rs1 web listens tcp 80 -- nginx -c {folder}/nginx.conf
  ///
  /// `docs/lab.md` has every statement.
  /// - Parameter file: names the text in errors.
  public init(text: String, file: String) throws(LabError) {
    self.init()
    var reader = TopologyReader(topology: self)
    for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      var words = try Words(line.last == "\r" ? line.dropLast() : line, file: file, line: number + 1)
      if words.isEmpty { continue }
      try reader.read(&words)
      try words.finish()
    }
    self = reader.topology
    try check()
  }
}

extension Topology {
  /// Reads a description from a file; standard input where the path is "-".
  public init(file path: String) throws(LabError) {
    let name = path == "-" ? "standard input" : path
    let text: String
    do throws(SystemError) {
      text = try Files.text(path == "-" ? "/dev/stdin" : path, limit: Self.longestDescription)
    } catch {
      guard error.code == EFBIG else { throw .system(error) }
      throw .topology("\(name) is larger than 1 MiB, and no description of a lab")
    }
    try self.init(text: text, file: name)
  }

  /// In bytes; a hundred times what the largest network of namespaces would need that anybody could use.
  private static var longestDescription: Int { 1 << 20 }
}

/// Adds one statement after the other to a topology.
struct TopologyReader {
  var topology: Topology

  mutating func read(_ words: inout Words) throws(LabError) {
    let statement = try words.take("a statement")
    switch statement {
    case "host": try host(&words)
    case "link": try link(&words)
    case "bridge", "bond", "vlan", "vxlan": try device(statement, &words)
    case "mac":
      let (host, interface) = try interface(&words)
      topology.hosts[host].macs[interface] = try words.take("a MAC address") { MACAddress($0) }
    case "address":
      let (host, interface) = try interface(&words)
      let prefix = try words.take("an address/length") { IPPrefix($0) }
      topology.hosts[host].addresses.append(
        Topology.Address(interface, prefix, isDeprecated: words.skip("deprecated")))
    case "route": try route(&words)
    case "rule": try rule(&words)
    case "sysctl":
      let host = try host(ofStatement: &words)
      topology.hosts[host].sysctls.append(
        Topology.Sysctl(try words.take("a sysctl's name"), try words.take("its value")))
    case "file":
      let host = try host(ofStatement: &words)
      let name = try words.take("a file name", fileName)
      topology.hosts[host].files.append(Topology.File(name, try words.take("the file's text")))
    case "etc":
      let host = try host(ofStatement: &words)
      let name = try words.take("a file name", fileName)
      topology.hosts[host].etc.append(Topology.File(name, try words.take("the file's text")))
    case "run": try run(&words)
    case "real-server":
      let host = try host(ofStatement: &words)
      let vip = try words.take("a VIP") { IPAddress($0) }
      topology.hosts[host].realServers.append(Topology.RealServerRole(vip, isTunnelled: words.skip("tun")))
    default:
      throw words.error(
        "\"\(statement)\" is no statement; there are host, link, bridge, bond, vlan, vxlan, mac, address, route, rule, "
          + "sysctl, file, etc, run and real-server")
    }
  }

  private mutating func host(_ words: inout Words) throws(LabError) {
    let name = try words.take("a host's name") { isLabName($0) ? $0 : nil }
    guard !topology.hosts.contains(where: { $0.name == name }) else {
      throw words.error("host \(name) is there already")
    }
    topology.hosts.append(Topology.Host(name, forwards: words.skip("forwards")))
  }

  private mutating func link(_ words: inout Words) throws(LabError) {
    let first = try end(&words)
    let second = try end(&words)
    var link = Topology.Link(first, second)
    while !words.isAtEnd {
      if words.skip("mtu") {
        link.mtu = try words.take("an MTU of 68 to 65535") { UInt32($0).flatMap { 68...65535 ~= $0 ? $0 : nil } }
      } else if words.skip("offloads") {
        link.offloads = try words.take("wire or untouched") {
          ["wire": Topology.Link.Offloads.asOnTheWire, "untouched": .untouched][$0]
        }
      } else {
        break
      }
    }
    topology.links.append(link)
  }

  private mutating func device(_ statement: String, _ words: inout Words) throws(LabError) {
    let (host, name) = try interface(&words)
    let kind: Topology.Device.Kind
    switch statement {
    case "bridge": kind = .bridge(ports: words.rest())
    case "bond":
      let mode: UInt8 =
        words.skip("mode") ? try words.take("a mode of 0 to 6") { UInt8($0).flatMap { $0 <= 6 ? $0 : nil } } : 1
      kind = .bond(mode: mode, ports: words.rest())
    case "vlan":
      try keyword("parent", &words)
      let parent = try words.take("an interface")
      try keyword("id", &words)
      kind = .vlan(
        parent: parent,
        id: try words.take("a VLAN id of 1 to 4094") { UInt16($0).flatMap { 1...4094 ~= $0 ? $0 : nil } })
    default:
      try keyword("id", &words)
      let id = try words.take("a VXLAN id below 16777216") { UInt32($0).flatMap { $0 < 1 << 24 ? $0 : nil } }
      try keyword("local", &words)
      let local = try words.take("an address") { IPAddress($0) }
      let remote = words.skip("remote") ? try words.take("an address") { IPAddress($0) } : nil
      let port = words.skip("port") ? try words.take("a port") { UInt16($0) } : 4789
      kind = .vxlan(id: id, local: local, remote: remote, port: port)
    }
    topology.hosts[host].devices.append(Topology.Device(name, kind))
  }

  private mutating func route(_ words: inout Words) throws(LabError) {
    let host = try host(ofStatement: &words)
    let text = try words.take("a destination")
    var route: Topology.Route
    if text == "default" {
      // The family shows in the gateway, which a default route is here required to have.
      route = Topology.Route(to: .everything(.ipv4))
    } else {
      guard let destination = IPPrefix(text) else {
        throw words.error("\"\(text)\" is not an address/length or default")
      }
      route = Topology.Route(to: destination)
    }
    route.isLocal = words.skip("local")
    route.isUnreachable = !route.isLocal && words.skip("unreachable")
    while !words.isAtEnd {
      if words.skip("via") {
        route.gateway = try words.take("a gateway's address") { IPAddress($0) }
      } else if words.skip("dev") {
        route.interface = try words.take("an interface")
      } else if words.skip("src") {
        route.source = try words.take("an address") { IPAddress($0) }
      } else if words.skip("table") {
        route.table = try words.take("a table's number") { UInt32($0).flatMap { $0 > 0 ? $0 : nil } }
      } else if words.skip("metric") {
        route.metric = try words.take("a metric") { UInt32($0) }
      } else {
        break
      }
    }
    if text == "default" {
      guard let gateway = route.gateway else {
        throw words.error("a default route needs via and a gateway", atNext: true)
      }
      route.destination = .everything(gateway.family)
    }
    topology.hosts[host].routes.append(route)
  }

  private mutating func rule(_ words: inout Words) throws(LabError) {
    let host = try host(ofStatement: &words)
    var source: IPPrefix?
    var destination: IPPrefix?
    var mark: UInt32?
    var inputInterface: String?
    while true {
      if words.skip("from") {
        source = try words.take("an address/length") { IPPrefix($0) }
      } else if words.skip("to") {
        destination = try words.take("an address/length") { IPPrefix($0) }
      } else if words.skip("mark") {
        mark = try words.take("a mark") { UInt32($0) }
      } else if words.skip("iif") {
        inputInterface = try words.take("an interface")
      } else {
        break
      }
    }
    try keyword("table", &words)
    let table = try words.take("a table's number") { UInt32($0).flatMap { $0 > 0 ? $0 : nil } }
    try keyword("priority", &words)
    let priority = try words.take("a priority") { UInt32($0) }
    let families = Set([source, destination].compactMap(\.self).map(\.address.family))
    guard families.count < 2 else { throw words.error("from and to must be of one family") }
    topology.hosts[host].rules.append(
      Rule(
        families.first ?? .ipv4, priority: priority, table: table, from: source, to: destination, mark: mark,
        inputInterface: inputInterface))
  }

  private mutating func run(_ words: inout Words) throws(LabError) {
    let host = try host(ofStatement: &words)
    let name = try words.take("a name for the process", fileName)
    var listeners: [Topology.Process.Listener] = []
    while words.skip("listens") {
      let transport = try words.take("tcp or udp") { Topology.Process.Listener.Transport(rawValue: $0) }
      listeners.append(
        .init(transport, try words.take("a port of 1 to 65535") { UInt16($0).flatMap { $0 > 0 ? $0 : nil } }))
    }
    try keyword("--", &words)
    let arguments = words.rest()
    guard !arguments.isEmpty else { throw words.error("the program to run is missing", atNext: true) }
    topology.hosts[host].processes.append(Topology.Process(name, arguments, listeners: listeners))
  }

  // MARK: Parts of statements

  private func keyword(_ keyword: String, _ words: inout Words) throws(LabError) {
    guard words.skip(keyword) else { throw words.error("\(keyword) is missing", atNext: true) }
  }

  private func host(ofStatement words: inout Words) throws(LabError) -> Int {
    let name = try words.take("a host's name")
    guard let index = topology.hosts.firstIndex(where: { $0.name == name }) else {
      throw words.error("there is no host \(name); host statements come first")
    }
    return index
  }

  /// `host:interface` of a host that is there.
  private func interface(_ words: inout Words) throws(LabError) -> (host: Int, interface: String) {
    let end = try end(&words)
    guard let index = topology.hosts.firstIndex(where: { $0.name == end.host }) else {
      throw words.error("there is no host \(end.host); host statements come first")
    }
    return (index, end.interface)
  }

  private func end(_ words: inout Words) throws(LabError) -> Topology.Link.End {
    let text = try words.take("host:interface")
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, isInterfaceName(String(parts[1])) else {
      throw words.error("\"\(text)\" is not host:interface")
    }
    guard topology.hosts.contains(where: { $0.name == parts[0] }) else {
      throw words.error("there is no host \(parts[0]); host statements come first")
    }
    return Topology.Link.End(String(parts[0]), String(parts[1]))
  }

  private func fileName(_ text: String) -> String? { isFileName(text) ? text : nil }
}
