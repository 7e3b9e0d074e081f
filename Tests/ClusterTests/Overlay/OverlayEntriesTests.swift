import ClusterModel
import HostSystem
import Netlink
import Testing

@testable import Cluster

/// What the kernel holds, against what was recorded of flanneld 0.20.2 for the same leases.
@Suite struct OverlayEntriesTests {
  @Test func vxlanIsAsFlannelsIs() throws {
    let stage = try Stage(2, withPods: false)
    let node = stage.nodes[1]
    let agent = try OverlayAgent(
      node: "recorded", namespace: try NetworkNamespace.named(node.host.name), outerInterface: "ext0",
      configuration: Configurations.vxlan, subnet: try #require(IPPrefix("10.244.33.0/24")), publicIP: node.address,
      stateFile: nil, report: { _ in })
    try agent.update(
      configuration: Configurations.vxlan,
      peers: [try peer("10.244.2.0/24", "192.168.0.53", mac: "02:aa:00:00:00:02"), agent.lease])
    let link = try node.host.run("ip -d link show flannel.1")
    #expect(
      link.contains(
        "vxlan id 1 local 192.168.0.52 dev ext0 srcport 0 0 dstport 8472 nolearning ttl auto ageing 300 udpcsum"))
    #expect(link.contains("mtu 1450 ") && link.contains("<BROADCAST,MULTICAST,UP,LOWER_UP>") && !link.contains("qlen"))
    guard case .vxlan(1, let mac, nil) = agent.lease.backend else {
      Issue.record("\(agent.lease)")
      return
    }
    #expect(link.contains("link/ether \(mac) ") && mac.octets.0 & 3 == 2)
    #expect(try node.host.run("ip -4 addr show flannel.1").contains("    inet 10.244.33.0/32 scope global flannel.1"))
    #expect(try node.host.run("ip route show dev flannel.1") == "10.244.2.0/24 via 10.244.2.0 onlink \n")
    #expect(
      try node.host.run("ip neigh show dev flannel.1 nud permanent")
        == "10.244.2.0 lladdr 02:aa:00:00:00:02 PERMANENT \n")
    #expect(
      try node.host.run("bridge fdb show dev flannel.1")
        == "02:aa:00:00:00:02 dst 192.168.0.53 self permanent\n")
    #expect(try node.host.run("cat /proc/sys/net/ipv6/conf/flannel.1/accept_ra") == "0\n")
    agent.stop(removing: true)
    #expect(try node.host.run("ip -o link").contains("flannel") == false)
    #expect(try !node.host.run("ip route").contains("10.244"))
  }

  @Test func hostGatewayIsAsFlannelsIs() throws {
    let stage = try Stage(1, withPods: false)
    let node = stage.nodes[0]
    let agent = try stage.agent(node, Configurations.hostGateway, hasState: false)
    try agent.update(configuration: Configurations.hostGateway, peers: [try peer("10.244.2.0/24", "192.168.0.53")])
    #expect(try node.host.run("ip route show 10.244.2.0/24") == "10.244.2.0/24 via 192.168.0.53 dev ext0 \n")
    #expect(try !node.host.run("ip -o link").contains("flannel"))
    #expect(agent.lease.backend == .hostGateway)
    agent.stop(removing: true)
    #expect(try node.host.run("ip route show 10.244.2.0/24").isEmpty)
  }

  @Test func directRoutingGoesPlainlyOnTheLinkAndByTunnelBeyond() throws {
    let stage = try Stage(1, withPods: false)
    let configuration = Configurations.with(.vxlan(.init(directRouting: true)))
    let agent = try stage.agent(stage.nodes[0], configuration, hasState: false)
    try agent.update(
      configuration: configuration,
      peers: [
        try peer("10.244.2.0/24", "192.168.0.53", mac: "02:aa:00:00:00:02"),
        try peer("10.244.3.0/24", "172.16.5.5", mac: "02:aa:00:00:00:03"),
      ])
    let routes = try stage.nodes[0].host.run("ip route show root 10.244.0.0/16")
    #expect(
      routes == "10.244.2.0/24 via 192.168.0.53 dev ext0 \n10.244.3.0/24 via 10.244.3.0 dev flannel.1 onlink \n")
    #expect(try stage.nodes[0].host.run("bridge fdb show dev flannel.1").split(separator: "\n").count == 1)
    agent.stop(removing: false)
  }

  @Test func bothFamilies() throws {
    let stage = try Stage(1, withPods: false)
    let configuration = Configurations.with(.vxlan(.init()), ipv6: true)
    let agent = try stage.agent(stage.nodes[0], configuration, hasState: false, ipv6: true)
    let mac = try #require(MACAddress("02:aa:00:00:00:02"))
    let ipv6MAC = try #require(MACAddress("02:aa:00:00:00:06"))
    let other = SubnetLease(
      subnet: try #require(IPPrefix("10.244.2.0/24")), ipv6Subnet: IPPrefix("fd10:244:0:2::/64"),
      publicIP: try #require(IPAddress("192.168.0.53")), publicIPv6: IPAddress("fd00::53"),
      backend: .vxlan(vni: 1, mac: mac, ipv6MAC: ipv6MAC))
    try agent.update(configuration: configuration, peers: [other])
    let host = stage.nodes[0].host
    let link = try host.run("ip -d link show flannel-v6.1")
    #expect(link.contains("vxlan id 1 local fd00::51 dev ext0 srcport 0 0 dstport 8472 nolearning"))
    #expect(link.contains("mtu 1430 "))
    #expect(try host.run("ip -6 addr show flannel-v6.1 scope global").contains("inet6 fd10:244:0:1::/128"))
    #expect(
      try host.run("ip -6 route show dev flannel-v6.1 root fd10::/16")
        .contains("fd10:244:0:2::/64 via fd10:244:0:2:: metric 1024 onlink pref medium"))
    #expect(
      try host.run("ip -6 neigh show dev flannel-v6.1 nud permanent")
        == "fd10:244:0:2:: lladdr 02:aa:00:00:00:06 PERMANENT \n")
    #expect(try host.run("bridge fdb show dev flannel-v6.1") == "02:aa:00:00:00:06 dst fd00::53 self permanent\n")
    #expect(try agent.entries().missing.isEmpty)
    agent.stop(removing: true)
    #expect(try !host.run("ip -o link; ip -6 route").contains("flannel"))
  }

  @Test func aNodeThatLeavesLeavesNothing() throws {
    let stage = try Stage(1, withPods: false)
    let host = stage.nodes[0].host
    let agent = try stage.agent(stage.nodes[0], Configurations.vxlan)
    let two = try peer("10.244.2.0/24", "192.168.0.53", mac: "02:aa:00:00:00:02")
    let three = try peer("10.244.3.0/24", "192.168.0.54", mac: "02:aa:00:00:00:03")
    try agent.update(configuration: Configurations.vxlan, peers: [three])
    let before = try picture(host)
    try agent.update(configuration: Configurations.vxlan, peers: [two, three])
    #expect(try picture(host) != before)
    // It comes back as another machine: another address, another device.
    let again = try peer("10.244.2.0/24", "192.168.0.77", mac: "02:aa:00:00:00:77")
    try agent.update(configuration: Configurations.vxlan, peers: [again, three])
    let moved = try picture(host)
    #expect(!moved.contains("02:aa:00:00:00:02") && !moved.contains("192.168.0.53") && moved.contains("192.168.0.77"))
    try agent.update(configuration: Configurations.vxlan, peers: [three])
    #expect(try picture(host) == before)
    agent.stop(removing: true)
  }

  @Test func twoHundredPeers() throws {
    let stage = try Stage(1, withPods: false)
    let agent = try stage.agent(stage.nodes[0], Configurations.vxlan)
    let peers = try (2..<202).map { number in
      let hexadecimal = String(number, radix: 16)
      return try peer(
        "10.244.\(number).0/24", "192.168.1.\(number)",
        mac: "02:aa:00:00:00:" + (hexadecimal.count < 2 ? "0" : "") + hexadecimal)
    }
    let clock = ContinuousClock()
    let first = try clock.measure { try agent.update(configuration: Configurations.vxlan, peers: peers) }
    let second = try clock.measure { try agent.update(configuration: Configurations.vxlan, peers: peers) }
    let leaving = try clock.measure { try agent.update(configuration: Configurations.vxlan, peers: []) }
    print("200 peers: put \(first), looked at \(second), taken away \(leaving)")
    #expect(first < .seconds(5) && second < .seconds(2) && leaving < .seconds(5))
    #expect(try agent.entries().present.count == 1)
    #expect(try stage.nodes[0].host.run("bridge fdb show dev flannel.1; ip neigh show dev flannel.1").isEmpty)
    agent.stop(removing: true)
  }
}

/// All that an overlay touches, as text.
func picture(_ host: Host) throws -> String {
  try host.run(
    """
    for d in flannel.1 flannel-v6.1; do
      if ip link show $d > /dev/null 2>&1; then
        ip -d link show $d | sed 's/^[0-9]*://'; ip -4 addr show $d | grep inet || true
        ip neigh show dev $d nud permanent | sort; bridge fdb show dev $d | sort
      fi
    done
    ip route | sort; ip -6 route show root fd10::/16 | sort
    """)
}
