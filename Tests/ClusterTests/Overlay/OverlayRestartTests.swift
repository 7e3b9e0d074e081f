import ClusterModel
import HostSystem
import Netlink
import Testing

@testable import Cluster

/// An agent's second life.
@Suite struct OverlayRestartTests {
  @Test(arguments: [true, false]) func whatAnEarlierLifeLeftGoesOnAndThenGoes(_ hasState: Bool) throws {
    let stage = try Stage(1, withPods: false)
    let (node, host) = (stage.nodes[0], stage.nodes[0].host)
    let first = try stage.agent(node, Configurations.vxlan, hasState: hasState)
    try first.update(configuration: Configurations.vxlan, peers: try OverlayRepairTests.peers)
    let before = try picture(host)
    let lease = first.lease
    // As a crash would leave it.
    first.stop(removing: false)
    #expect(throws: OverlayError.self) { try first.update(configuration: Configurations.vxlan, peers: []) }
    let events = Events()
    let second = try stage.agent(node, Configurations.vxlan, hasState: hasState, events: events)
    #expect(second.lease == lease, "another hardware address would have to be told to all peers")
    #expect(try picture(host) == before, "peers are served before they are told again")
    try second.update(configuration: Configurations.vxlan, peers: [try OverlayRepairTests.peers[1]])
    let after = try picture(host)
    #expect(!after.contains("10.244.2.0") && !after.contains("02:aa:00:00:00:02") && !after.contains("192.168.0.53"))
    #expect(after.contains("10.244.3.0/24 via 10.244.3.0"))
    second.stop(removing: true)
    #expect(try !host.run("ip -o link; ip route").contains("flannel"))
    #expect(Files.list(stage.folder).isEmpty)
    #expect(events.all.isEmpty, "\(events.all)")
  }

  /// The backend changed while nobody was there.
  @Test func theBackendOfAnEarlierLifeLeavesNothing() throws {
    let stage = try Stage(1, withPods: false)
    let (node, host) = (stage.nodes[0], stage.nodes[0].host)
    let plain = [try peer("10.244.2.0/24", "192.168.0.53")]
    let first = try stage.agent(node, Configurations.vxlan)
    try first.update(configuration: Configurations.vxlan, peers: try OverlayRepairTests.peers)
    first.stop(removing: false)
    let second = try stage.agent(node, Configurations.hostGateway)
    try second.update(configuration: Configurations.hostGateway, peers: plain)
    #expect(try !host.run("ip -o link").contains("flannel"))
    #expect(try host.run("ip route show root 10.244.0.0/16") == "10.244.2.0/24 via 192.168.0.53 dev ext0 \n")
    second.stop(removing: false)
    let third = try stage.agent(node, Configurations.hostGateway)
    try third.update(configuration: Configurations.hostGateway, peers: [])
    #expect(try host.run("ip route show root 10.244.0.0/16").isEmpty)
    third.stop(removing: true)
  }

  @Test(arguments: [
    "dstport 4789 local 192.168.0.51 dev ext0 nolearning", "dstport 8472 local 192.168.0.51 dev ext0",
    "dstport 8472 local 192.168.0.51 nolearning", "dstport 8472 dev ext0 nolearning",
    "dstport 8472 local 192.168.0.51 dev ext0 nolearning ttl 3", "dstport 8472 external",
  ]) func aDeviceThatIsNotWhatItWasIsMadeAnew(_ settings: String) throws {
    let stage = try Stage(1, withPods: false)
    let (node, host) = (stage.nodes[0], stage.nodes[0].host)
    let first = try stage.agent(node, Configurations.vxlan)
    try first.update(configuration: Configurations.vxlan, peers: try OverlayRepairTests.peers)
    first.stop(removing: false)
    let before = try picture(host)
    let id = settings.contains("external") ? "" : "id 1"
    try host.run("ip link del flannel.1; ip link add flannel.1 type vxlan \(id) \(settings)")
    let second = try stage.agent(node, Configurations.vxlan)
    try second.update(configuration: Configurations.vxlan, peers: try OverlayRepairTests.peers)
    #expect(try picture(host) == before)
    second.stop(removing: true)
  }

  /// What somebody put there while nobody watched is no damage: it is theirs.
  @Test func aRouteThatOthersTookOverMeanwhileIsTheirs() throws {
    let stage = try Stage(1, withPods: false)
    let (node, host) = (stage.nodes[0], stage.nodes[0].host)
    let first = try stage.agent(node, Configurations.vxlan)
    try first.update(configuration: Configurations.vxlan, peers: try OverlayRepairTests.peers)
    first.stop(removing: false)
    try host.run("ip route replace 10.244.2.0/24 via 192.168.0.200")
    let second = try stage.agent(node, Configurations.vxlan)
    defer { second.stop(removing: true) }
    try second.update(configuration: Configurations.vxlan, peers: [])
    #expect(try host.run("ip route show 10.244.2.0/24").contains("192.168.0.200"))
  }

  @Test func aStateFileOfSomethingElseIsRefused() throws {
    let stage = try Stage(1, withPods: false)
    try Files.makeFolder(stage.folder)
    try Files.write("a diary\n", to: stage.stateFile(stage.nodes[0]))
    let error = #expect(throws: OverlayError.self) { try stage.agent(stage.nodes[0], Configurations.vxlan) }
    #expect(error?.description.contains("/node1:1: the first line is not") == true)
    #expect(try !stage.nodes[0].host.run("ip -o link").contains("flannel"), "nothing half-built")
  }

  @Test func whatMakesNoSenseIsRefused() throws {
    let stage = try Stage(1, withPods: false)
    let node = stage.nodes[0]
    func refusal(_ outer: String, _ subnet: String, _ address: String, _ backend: FlannelConfiguration) throws -> String
    {
      do {
        _ = try OverlayAgent(
          node: "n", namespace: try NetworkNamespace.named(node.host.name), outerInterface: outer,
          configuration: backend, subnet: try #require(IPPrefix(subnet)), publicIP: try #require(IPAddress(address)),
          stateFile: nil, report: { _ in })
        return "accepted"
      } catch let error as OverlayError { return error.description }
    }
    let vxlan = Configurations.vxlan
    #expect(
      try refusal("eth9", "10.244.1.0/24", "192.168.0.51", vxlan) == "n: the outer interface eth9 is not there")
    #expect(try refusal("ext0", "10.9.1.0/24", "192.168.0.51", vxlan).contains("not within the pods' network"))
    #expect(
      try refusal("ext0", "10.244.1.0/24", "192.168.0.9", Configurations.hostGateway)
        .contains("has not the node's address 192.168.0.9"))
    #expect(try refusal("ext0", "10.244.1.0/24", "fd00::51", vxlan).contains("two families"))
    #expect(
      try refusal("ext0", "10.244.1.0/24", "192.168.0.51", Configurations.with(.vxlan(.init(vni: 1 << 24))))
        .contains("VNI"))
    #expect(
      try refusal("ext0", "10.244.1.0/24", "192.168.0.51", Configurations.with(.vxlan(.init(vni: 10_000_000))))
        .contains("at most 15 bytes"))
    #expect(try !node.host.run("ip -o link").contains("flannel"))
  }

  /// A change that would cut a peer off changes nothing.
  @Test func aPeerBeyondTheLinkRefusesPlainRoutes() throws {
    let stage = try Stage(1, withPods: false)
    let host = stage.nodes[0].host
    let agent = try stage.agent(stage.nodes[0], Configurations.vxlan)
    defer { agent.stop(removing: true) }
    let far = [try peer("10.244.2.0/24", "172.16.0.5", mac: "02:aa:00:00:00:02")]
    try agent.update(configuration: Configurations.vxlan, peers: far)
    let before = try picture(host)
    let error = #expect(throws: OverlayError.self) {
      try agent.update(configuration: Configurations.hostGateway, peers: far)
    }
    #expect(
      error?.description == "node1: the backend was not changed: 10.244.2.0/24 cannot be routed to 172.16.0.5, which is"
        + " not on the link of ext0: host-gw wants all nodes on one link; use the backend vxlan")
    #expect(try picture(host) == before)
    guard case .vxlan = agent.lease.backend else {
      Issue.record("\(agent.lease)")
      return
    }
  }
}
