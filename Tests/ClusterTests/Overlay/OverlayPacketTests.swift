import ClusterModel
import Glibc
import HostSystem
import Netlink
import Synchronization
import Testing

@testable import Cluster

/// Real packets between pods of real nodes.
@Suite struct OverlayPacketTests {
  @Test(arguments: [FlannelConfiguration.Backend.vxlan(.init()), .vxlan(.init(vni: 4097, port: 4789)), .hostGateway])
  func podsReachEachOther(_ backend: FlannelConfiguration.Backend) throws {
    let network = try Network(3, Configurations.with(backend, ipv6: true), ipv6: true)
    defer { network.end() }
    for (from, to) in [(0, 1), (1, 2), (2, 0)] {
      let nodes = network.stage.nodes
      try nodes[from].pod.run("ping -c 3 -i 0.05 -W 2 -w 5 -q \(nodes[to].podAddress)")
      try nodes[from].pod.run("ping -c 3 -i 0.05 -W 2 -w 5 -q \(nodes[to].ipv6PodAddress)")
      // As large as the device says, and unbroken.
      let room = backend == .hostGateway ? 1500 : 1450
      try nodes[from].pod.run("ping -M do -s \(room - 28) -c 1 -W 2 -w 5 -q \(nodes[to].podAddress)")
      // IPv6's outer header is 20 bytes longer.
      let ipv6Room = backend == .hostGateway ? 1500 : 1430
      try nodes[from].pod.run("ping -M do -s \(ipv6Room - 48) -c 1 -W 2 -w 5 -q \(nodes[to].ipv6PodAddress)")
      // From the node itself.
      try nodes[from].host.run("ping -c 1 -W 2 -w 5 -q \(nodes[to].podAddress)")
    }
    if backend != .hostGateway {
      let (first, second) = (network.stage.nodes[0], network.stage.nodes[1])
      #expect(
        try first.host.run("ping -c 1 -W 2 -w 5 \(second.podAddress)").contains("from 10.244.2.2"))
      let sent = try first.host.run("ip -s link show type vxlan | awk '/TX:/ {getline; print $2}'").split(
        separator: "\n")
      #expect(sent.count == 2 && sent.allSatisfy { Int($0) ?? 0 > 0 }, "nothing went by the tunnels")
    }
  }

  /// Under a ping every 5 ms, the backend changes to and fro, in two rounds with time between: nothing is lost.
  @Test func theBackendIsChangedUnderTraffic() throws {
    let network = try Network(3, Configurations.vxlan)
    defer { network.end() }
    let nodes = network.stage.nodes
    let pings: [Ping] = try [(0, 1), (2, 1)].map { from, to in
      try Ping(from: nodes[from].pod, to: nodes[to].podAddress, interval: "0.005")
    }
    let (plain, tunnels) = (Configurations.hostGateway, Configurations.vxlan)
    for backend in [plain, tunnels, plain, tunnels, Configurations.with(.vxlan(.init(vni: 9))), tunnels] {
      try network.change(to: backend)
      let isVXLAN = backend == tunnels
      for node in nodes {
        let links = try node.host.run("ip -o link")
        #expect(links.contains("flannel.1") == isVXLAN, "\(node.name): \(links)")
        #expect(try node.host.run("ip route | grep -c 'dev flannel.1' || true") == (isVXLAN ? "2\n" : "0\n"))
      }
    }
    for ping in pings {
      let (sent, received) = try ping.end()
      #expect(sent > 50, "the ping did not last")
      print("the backend changed six times under traffic: \(sent) sent, \(sent - received) lost")
      #expect(sent - received <= 2)
    }
  }

  /// Each node changes at its own time, and only hears later that the others did.
  @Test func nodesThatChangeOneByOneStayConnected() throws {
    let network = try Network(2, Configurations.hostGateway)
    defer { network.end() }
    let nodes = network.stage.nodes
    func reach() throws {
      for (from, to) in [(0, 1), (1, 0)] {
        try nodes[from].pod.run("ping -c 2 -i 0.02 -W 1 -w 3 -q \(nodes[to].podAddress)")
      }
    }
    for backend in [Configurations.vxlan, Configurations.hostGateway] {
      let old = network.leases
      try network.agents[0].update(configuration: backend, peers: old)
      try reach()
      try network.agents[1].update(configuration: backend, peers: old)
      try reach()
      try network.agents[1].update(configuration: backend, peers: network.leases)
      try reach()
      try network.agents[0].update(configuration: backend, peers: network.leases)
      try reach()
    }
  }

  @Test func theNetworkNumberIsChangedWithoutARest() throws {
    let network = try Network(2, Configurations.vxlan)
    defer { network.end() }
    try network.change(to: Configurations.with(.vxlan(.init(vni: 9, port: 4789))))
    let nodes = network.stage.nodes
    try nodes[0].pod.run("ping -c 2 -i 0.02 -W 1 -w 3 -q \(nodes[1].podAddress)")
    #expect(try !nodes[0].host.run("ip -o link").contains("flannel.1:"))
    #expect(try nodes[0].host.run("ip -d link show flannel.9").contains("vxlan id 9 "))
  }
}

/// A stage with an agent for each node, that know each other.
struct Network {
  let stage: Stage
  let agents: [OverlayAgent]
  var leases: [SubnetLease] { agents.map(\.lease) }

  init(_ count: Int, _ configuration: FlannelConfiguration, ipv6: Bool = false) throws {
    let stage = try Stage(count)
    self.stage = stage
    agents = try stage.nodes.map { try stage.agent($0, configuration, ipv6: ipv6) }
    for agent in agents { try agent.update(configuration: configuration, peers: agents.map(\.lease)) }
  }

  func change(to configuration: FlannelConfiguration) throws {
    let old = leases
    for agent in agents { try agent.update(configuration: configuration, peers: old) }
    let new = leases
    for agent in agents { try agent.update(configuration: configuration, peers: new) }
  }

  func end() { for agent in agents { agent.stop(removing: true) } }
}

/// A ping that runs beside the test until it is asked for its result, and no longer than 20 s.
final class Ping: Sendable {
  private let running: Command.Started

  init(from host: Host, to address: String, interval: String) throws {
    let command = Command(["ping", "-n", "-q", "-c", "4000", "-i", interval, "-w", "20", address])
    running = try host.namespace.perform { () throws(NetlinkError) in
      do throws(SystemError) { return try command.begin() } catch {
        throw NetlinkError(code: error.code, action: error.action)
      }
    }
  }

  func end() throws -> (sent: Int, received: Int) {
    kill(running.pid, SIGINT)
    let output = String(decoding: try running.wait(timeout: .seconds(20)).output, as: UTF8.self)
    let line = try #require(output.split(separator: "\n").first { $0.contains("packets transmitted") }, "\(output)")
    let numbers = line.split(separator: " ").compactMap { Int($0) }
    try #require(numbers.count >= 2, "\(line)")
    return (numbers[0], numbers[1])
  }
}
