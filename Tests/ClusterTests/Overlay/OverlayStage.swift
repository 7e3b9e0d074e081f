import ClusterModel
import Glibc
import HostSystem
import Netlink
import Synchronization
import Testing

@testable import Cluster

private let counter = Atomic<Int>(0)

/// A namespace of the test's own, deleted when the value goes.
final class Host: Sendable {
  let name: String
  let namespace: NetworkNamespace

  init(_ purpose: String) throws {
    name = "svsagent-\(getpid())-\(counter.add(1, ordering: .relaxed).newValue)-\(purpose)"
    namespace = try NetworkNamespace.create(name)
  }

  deinit { try? NetworkNamespace.delete(name) }

  /// Runs a command line inside and gives what it wrote; what fails fails the test.
  @discardableResult
  func run(_ line: String) throws -> String {
    let result = try namespace.perform { try Command(["/bin/sh", "-ec", line]).run(timeout: .seconds(20)) }
    let output = String(decoding: result.output, as: UTF8.self)
    guard result.ending == .exited(code: 0) else {
      throw Failed(line: line, output: output + String(decoding: result.errors, as: UTF8.self))
    }
    return output
  }

  struct Failed: Error, CustomStringConvertible {
    var line: String
    var output: String
    var description: String { "\(line): \(output)" }
  }
}

/// A node with its outer interface on a switch, and a pod behind it.
struct StageNode {
  let number: Int
  let host: Host
  let pod: Host
  var name: String { "node\(number)" }
  var subnet: IPPrefix { IPPrefix(IPAddress(bytes: [10, 244, UInt8(number), 0]) ?? .any, length: 24) }
  var address: IPAddress { IPAddress(bytes: [192, 168, 0, UInt8(50 + number)]) ?? .any }
  var podAddress: String { "10.244.\(number).2" }
  var ipv6Subnet: IPPrefix { IPPrefix(IPAddress("fd10:244:0:\(number)::") ?? .any, length: 64) }
  var ipv6Address: IPAddress { IPAddress("fd00::\(50 + number)") ?? .any }
  var ipv6PodAddress: String { "fd10:244:0:\(number)::2" }
}

extension IPAddress {
  fileprivate static let any = IPAddress(family: .ipv4, words: (0, 0, 0, 0))
}

/// Nodes on one link; 192.168.0.50 + n and 10.244.n.0/24, and the same for IPv6.
final class Stage: Sendable {
  let link: Host
  let nodes: [StageNode]
  let folder: String

  init(_ count: Int, withPods: Bool = true) throws {
    link = try Host("link")
    try link.run("ip link add sw type bridge; ip link set sw up")
    folder = "/run/svsagent-\(getpid())-\(counter.add(1, ordering: .relaxed).newValue)"
    var nodes: [StageNode] = []
    for number in 1...count {
      let node = StageNode(number: number, host: try Host("node"), pod: try Host("pod"))
      try link.run(
        "ip link add p\(number) type veth peer name ext0 netns \(node.host.name);"
          + "ip link set p\(number) master sw up")
      try node.host.run(
        """
        sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
        ip link set lo up
        ip addr add \(node.address)/24 dev ext0; ip addr add \(node.ipv6Address)/64 dev ext0 nodad; ip link set ext0 up
        """)
      if withPods {
        try node.host.run(
          """
          ip link add cni0 type bridge
          ip link add v0 type veth peer name eth0 netns \(node.pod.name)
          ip link set v0 master cni0 up
          ip addr add 10.244.\(number).1/24 dev cni0; ip addr add fd10:244:0:\(number)::1/64 dev cni0 nodad
          ip link set cni0 up
          """)
        try node.pod.run(
          """
          ip addr add \(node.podAddress)/24 dev eth0; ip addr add \(node.ipv6PodAddress)/64 dev eth0 nodad
          ip link set eth0 up; ip link set lo up
          ip route add default via 10.244.\(number).1; ip route add default via fd10:244:0:\(number)::1
          """)
      }
      nodes.append(node)
    }
    self.nodes = nodes
  }

  func stateFile(_ node: StageNode) -> String { "\(folder)/\(node.name)" }

  func agent(
    _ node: StageNode, _ configuration: FlannelConfiguration, hasState: Bool = true, ipv6: Bool = false,
    events: Events = Events()
  ) throws -> OverlayAgent {
    try OverlayAgent(
      node: node.name, namespace: try NetworkNamespace.named(node.host.name), outerInterface: "ext0",
      configuration: configuration, subnet: node.subnet, publicIP: node.address,
      ipv6Subnet: ipv6 ? node.ipv6Subnet : nil, publicIPv6: ipv6 ? node.ipv6Address : nil,
      stateFile: hasState ? stateFile(node) : nil, report: { events.add($0) })
  }

  deinit { try? Files.remove(folder) }
}

/// What an agent reported.
final class Events: Sendable {
  private let list = Mutex<[OverlayEvent]>([])
  func add(_ event: OverlayEvent) { list.withLock { $0.append(event) } }
  var all: [OverlayEvent] { list.withLock { $0 } }
  func take() -> [OverlayEvent] {
    list.withLock { list in
      defer { list = [] }
      return list
    }
  }
}

enum Configurations {
  static func network(_ text: String, _ length: UInt8) -> FlannelConfiguration.Network? {
    IPPrefix(text).map { FlannelConfiguration.Network($0, subnetLength: length) }
  }

  static func with(_ backend: FlannelConfiguration.Backend, ipv6: Bool = false) -> FlannelConfiguration {
    FlannelConfiguration(
      ipv4: network("10.244.0.0/16", 24), ipv6: ipv6 ? network("fd10:244::/48", 64) : nil, backend: backend)
  }

  static let vxlan = with(.vxlan(.init()))
  static let hostGateway = with(.hostGateway)
}

/// A lease of a peer that nobody plays.
func peer(_ subnet: String, _ address: String, mac: String? = nil, vni: UInt32 = 1) throws -> SubnetLease {
  let mac = try mac.map { try #require(MACAddress($0)) }
  return SubnetLease(
    subnet: try #require(IPPrefix(subnet)), publicIP: try #require(IPAddress(address)),
    backend: mac.map { .vxlan(vni: vni, mac: $0, ipv6MAC: nil) } ?? .hostGateway)
}

/// Asks until the answer is there or twenty seconds have passed.
func eventually(_ condition: () throws -> Bool) throws -> Bool {
  let deadline = Deadline(in: .seconds(20))
  while !deadline.hasPassed {
    if try condition() { return true }
    usleep(5000)
  }
  return try condition()
}
