import Cluster
import ClusterModel
import Glibc
import HostSystem
import LeaseStores
import Netlink
import Testing

@testable import OverlayNode

/// Nodes in namespaces, with a real etcd and the kernel's own devices.
@Suite(.serialized) struct OverlayNodeTests {
  @Test func threeNodesJoinAndTheirPodsReachEachOther() async throws {
    try await NodeStage.run(3) { stage in
      let nodes = try (1...3).map { try stage.node($0) }
      for node in nodes { try await node.up() }
      try await eventually("all have two peers") {
        try nodes.allSatisfy { try $0.routes().count { $0.contains("dev flannel.1 onlink") } == 2 }
      }
      let pods = try (1...3).map { try stage.makePod($0) }
      for (from, to) in [(1, 2), (2, 3), (3, 1)] {
        #expect(try stage.received(from, pods[to - 1]).contains(" 100 received"))
      }
      // As flannel writes it, byte for byte, with a lease of etcd's of a day.
      let lines = try stage.etcd.leases()
      #expect(lines.count == 6)
      for number in 1...3 {
        let environment = try stage.environment(number)
        let words = try stage.hosts[number - 1].run("ip -o link show flannel.1").split(separator: " ")
        let device = words[try #require(words.firstIndex(of: "link/ether")) + 1]
        let position = try #require(
          lines.firstIndex(of: "/coreos.com/network/subnets/\(environment.subnet.network.address)-24"))
        #expect(
          lines[position + 1]
            == #"{"PublicIP":"192.168.0.\#(50 + number)","PublicIPv6":null,"BackendType":"vxlan","#
            + #""BackendData":{"VNI":1,"VtepMAC":"\#(device)"}}"#)
        #expect(
          try Files.text("\(stage.folder)/node\(number).env") == """
            FLANNEL_NETWORK=10.244.0.0/16
            FLANNEL_SUBNET=\(environment.subnet)
            FLANNEL_MTU=1450
            FLANNEL_IPMASQ=false

            """)
        #expect(environment.subnet.address.bytes[3] == 1)
      }
      for node in nodes { #expect(await node.end() == nil) }
      // Pods' packets go on.
      #expect(try stage.received(1, pods[1]).contains(" 100 received"))
      #expect(try stage.etcd.leases().count == 6)
    }
  }

  @Test func theBackendIsFollowedWithoutARestartAndNoPacketIsLost() async throws {
    try await NodeStage.run(2) { stage in
      let nodes = [try stage.node(1), try stage.node(2)]
      for node in nodes { try await node.up() }
      _ = try stage.makePod(1)
      let pod = try stage.makePod(2)
      try await eventually("the pods reach each other") { stage.isReached(1, pod) }
      let ping = try stage.startPing(from: 1, to: pod, count: 1500)
      for (configuration, route) in [
        (NodeStage.hostGateway, "via 192.168.0."), (NodeStage.vxlan, "dev flannel.1 onlink"),
        (#"{"Network":"10.244.0.0/16","Backend":{"Type":"vxlan","VNI":9,"Port":4789}}"#, "dev flannel.9 onlink"),
      ] {
        try stage.etcd.configure(configuration)
        try await eventually("both route \(route)") {
          try nodes.allSatisfy { try $0.routes().contains { $0.hasPrefix("10.244.") && $0.contains(route) } }
        }
        try await eventually("both leases say so") {
          let text = try stage.etcd.leases().joined()
          return configuration.contains("host-gw") ? !text.contains("vxlan") : !text.contains("host-gw")
        }
        // Before the next change, that devices which nobody sends to any more have gone.
        try await eventually("one device at most") {
          try nodes.allSatisfy { node in
            let devices = try node.host.run("ip -o link show type vxlan").split(separator: "\n")
            return configuration.contains("host-gw") ? devices.isEmpty : devices.count == 1
          }
        }
      }
      #expect(try await ping.output().contains("1500 packets transmitted, 1500 received"))
      #expect(try stage.environment(1).mtu == 1_450)
    }
  }

  @Test func theRemovedNodeLeavesNothing() async throws {
    try await NodeStage.run(2) { stage in
      let first = try stage.node(1)
      try await first.up()
      let before = try stage.hosts[1].run("ip route show; ip -o link show | cut -d: -f2; nft list ruleset")
      let second = try stage.node(2) {
        $0.removesOnExit = true
        $0.masquerades = true
      }
      try await second.up()
      try await eventually("the peer is routed to") { try first.has(route: "10.244.2.0/24 via") }
      #expect(await second.end() == nil)
      #expect(try stage.hosts[1].run("ip route show; ip -o link show | cut -d: -f2; nft list ruleset") == before)
      #expect(Files.list(stage.folder).filter { $0.hasPrefix("node2") }.isEmpty)
      #expect(try !stage.etcd.leases().joined().contains("10.244.2.0"))
      try await first.told("the peer left") { if case .peers(_, _, let left) = $0 { left.count == 1 } else { false } }
      try await eventually("nothing stale") {
        let all = try first.host.run("ip route; ip neigh show dev flannel.1; bridge fdb show dev flannel.1")
        return !all.contains("10.244.2.") && !all.contains("192.168.0.52")
      }
    }
  }

  @Test func theNodeWhoseLeaseRunsOutIsGoneForItsPeers() async throws {
    try await NodeStage.run(2) { stage in
      let first = try stage.node(1)
      let second = try stage.node(2, leaseTime: .seconds(3)) { $0.renewMargin = .seconds(2) }
      for node in [first, second] { try await node.up() }
      let route = "\(try stage.environment(2).subnet.network) via"
      try await eventually("the peer is routed to") { try first.has(route: route) }
      // Renewed for longer than it lives.
      try await eventually("it is renewed") {
        second.all.count { if case .renewed = $0 { true } else { false } } >= 4
      }
      #expect(try first.has(route: route))
      #expect(!second.all.contains { if case .lost = $0 { true } else { false } })
      await second.end()
      try await eventually("the route goes") { try !first.has(route: route) }
    }
  }

  @Test func anEtcdThatDiesAndComesBackIsNobodysTrouble() async throws {
    try await NodeStage.run(2) { stage in
      let nodes = [try stage.node(1), try stage.node(2)]
      for node in nodes { try await node.up() }
      _ = try stage.makePod(1)
      let pod = try stage.makePod(2)
      try await eventually("the pods reach each other") { stage.isReached(1, pod) }
      let leases = try stage.etcd.leases()
      stage.etcd.end()
      for node in nodes {
        try await node.told("it is gone") { if case .fault(.store) = $0 { true } else { false } }
      }
      #expect(try stage.received(1, pod).contains(" 100 received"))
      try stage.etcd.start()
      for node in nodes {
        try await node.told("it is back") { if case .reached = $0 { true } else { false } }
        #expect(node.all.count { if case .fault = $0 { true } else { false } } == 1)
        #expect(!node.all.contains { if case .lost = $0 { true } else { false } })
      }
      #expect(try stage.etcd.leases() == leases)
      #expect(try stage.received(1, pod).contains(" 100 received"))
    }
  }

  @Test func aLeaseThatFlanneldWroteIsFollowed() async throws {
    try await NodeStage.run(1) { stage in
      let node = try stage.node(1)
      try await node.up()
      try stage.etcd.ctl(
        "put", "--", "/coreos.com/network/subnets/10.244.77.0-24",
        #"{"PublicIP":"192.168.0.77","PublicIPv6":null,"BackendType":"vxlan","#
          + #""BackendData":{"VNI":1,"VtepMAC":"8e:60:f2:8b:3d:22"}}"#)
      try await eventually("the route is there") { try node.has(route: "10.244.77.0/24 via") }
      #expect(try node.routes().contains("10.244.77.0/24 via 10.244.77.0 dev flannel.1 onlink"))
      #expect(
        try node.host.run("ip neigh show dev flannel.1").contains("10.244.77.0 lladdr 8e:60:f2:8b:3d:22 PERMANENT"))
      #expect(
        try node.host.run("bridge fdb show dev flannel.1").contains("8e:60:f2:8b:3d:22 dst 192.168.0.77 self permanent")
      )
      #expect(try node.host.run("ip -o -4 addr show dev flannel.1").contains(" 10.244.1.0/32 "))
      try stage.etcd.ctl("del", "/coreos.com/network/subnets/10.244.77.0-24")
      try await eventually("the route goes") { try !node.has(route: "10.244.77.0/24") }
      // What cannot be read is passed over, and said.
      try stage.etcd.ctl("put", "--", "/coreos.com/network/subnets/10.244.78.0-24", "rubbish")
      try await node.told("it is passed over") { if case .passedOver(.badLease) = $0 { true } else { false } }
    }
  }

  @Test func whatFlanneldLeftIsTakenOver() async throws {
    try await NodeStage.run(1) { stage in
      // The entries of a flanneld that was ended: its device, lease and file, and a peer.
      try stage.hosts[0].run(
        """
        ip link add flannel.1 address 8e:60:f2:8b:3d:11 type vxlan id 1 dev ext0 local 192.168.0.51 dstport 8472 nolearning
        ip addr add 10.244.5.0/32 dev flannel.1; ip link set flannel.1 mtu 1450 up
        ip neigh add 10.244.77.0 lladdr 8e:60:f2:8b:3d:22 nud permanent dev flannel.1
        ip route add 10.244.77.0/24 via 10.244.77.0 dev flannel.1 onlink
        """)
      let index = try stage.hosts[0].run("ip -o link show flannel.1").prefix { $0 != ":" }
      // Not by bridge(8), which makes it of another state than flannel does.
      let (mac, remote) = (try #require(MACAddress("8e:60:f2:8b:3d:22")), try #require(IPAddress("192.168.0.77")))
      let device = try #require(UInt32(index))
      try stage.hosts[0].namespace.perform { () throws(NetlinkError) in
        try NetlinkSocket().addForwardingEntry(to: mac, remote: remote, interfaceIndex: device, replacing: false)
      }
      try Files.write(
        "FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.5.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n",
        to: stage.settings(1).subnetFile)
      let value =
        #"{"PublicIP":"192.168.0.51","PublicIPv6":null,"BackendType":"vxlan","#
        + #""BackendData":{"VNI":1,"VtepMAC":"8e:60:f2:8b:3d:11"}}"#
      try stage.etcd.ctl("put", "--", "/coreos.com/network/subnets/10.244.5.0-24", value)
      let node = try stage.node(1)
      try await node.up()
      #expect(try stage.etcd.leases() == ["/coreos.com/network/subnets/10.244.5.0-24", value])
      #expect(try node.host.run("ip -o link show flannel.1").prefix { $0 != ":" } == index)
      // The peer has no lease any more.
      try await eventually("nothing stale") {
        let all = try node.host.run("ip route; ip neigh show dev flannel.1; bridge fdb show dev flannel.1")
        return !all.contains("10.244.77.") && !all.contains("192.168.0.77")
      }
      #expect(try node.host.run("ip -o -4 addr show dev flannel.1").contains(" 10.244.5.0/32 "))
    }
  }

  @Test func thePreviousSubnetIsTakenAgain() async throws {
    try await NodeStage.run(1) { stage in
      let previous = SubnetEnvironment(
        network: try #require(IPPrefix("10.244.0.0/16")), subnet: try #require(IPPrefix("10.244.99.1/24")), mtu: 1450,
        masquerades: false)
      try Files.write(previous.text, to: stage.settings(1).subnetFile)
      let node = try stage.node(1) { $0.endsWhenUp = true }
      #expect(await node.failure == nil)
      #expect(node.isUp)
      #expect(try stage.environment(1).subnet == IPPrefix("10.244.99.1/24"))
      #expect(try stage.etcd.leases().first == "/coreos.com/network/subnets/10.244.99.0-24")
    }
  }

  @Test func anotherNetworkIsFollowed() async throws {
    try await NodeStage.run(2) { stage in
      let nodes = [try stage.node(1), try stage.node(2)]
      for node in nodes { try await node.up() }
      try stage.etcd.configure(#"{"Network":"10.99.0.0/16","SubnetLen":26,"Backend":{"Type":"vxlan"}}"#)
      try await eventually("all is of the new network") {
        let texts = try nodes.map { try $0.host.run("ip route; ip addr show dev flannel.1") }
        return texts.allSatisfy { !$0.contains("10.244.") && $0.contains("/26 via 10.99.0.") }
      }
      #expect(try stage.etcd.leases().count == 4)
      #expect(try stage.environment(1).network == IPPrefix("10.99.0.0/16"))
      #expect(try stage.environment(1).subnet.length == 26)
    }
  }

  @Test func whatLeavesThePodsNetworkHasTheNodesAddress() async throws {
    try await NodeStage.run(2) { stage in
      for number in 1...2 {
        let node = try stage.node(number) {
          $0.masquerades = true
          $0.endsWhenUp = true
        }
        #expect(await node.failure == nil)
      }
      // The first ended before it knew of the second.
      let first = try stage.node(1) {
        $0.masquerades = true
        $0.ruleInterval = .milliseconds(100)
      }
      try await first.up()
      _ = try stage.makePod(1)
      let pod = try stage.makePod(2)
      #expect(try stage.environment(1).masquerades)
      // The world does not know where pods are, so that only the node's address is answered.
      #expect(stage.isReached(1, "192.168.0.1"))
      #expect(try stage.link.run("ip route show").contains("10.244.") == false)
      #expect(stage.isReached(1, pod))
      // Among pods the source stays.
      let watch = try stage.pods[1].namespace.perform {
        try Command(["timeout", "5", "nft", "-f", "-"]).run(
          input: Array(
            "table ip seen { chain arriving { type filter hook input priority 0; ip saddr \(try stage.environment(1).subnet.network) counter; }; }"
              .utf8))
      }
      #expect(watch.ending == .exited(code: 0))
      #expect(try stage.received(1, pod).contains(" 100 received"))
      #expect(try stage.pods[1].run("nft list table ip seen").contains("packets 100 "))
      // As a firewall's reload does it.
      try first.host.run("nft flush ruleset")
      try await eventually("the rules are back") { stage.isReached(1, "192.168.0.1") }
      #expect(await first.end() == nil)
      // Who is not asked to masquerade any more does not.
      let last = try stage.node(1) { $0.endsWhenUp = true }
      #expect(await last.failure == nil)
      #expect(try first.host.run("nft list tables").isEmpty)
    }
  }

  @Test func bothFamilies() async throws {
    let configuration =
      #"{"Network":"10.244.0.0/16","EnableIPv6":true,"IPv6Network":"fd10:244::/48","Backend":{"Type":"vxlan"}}"#
    try await NodeStage.run(2, configuration: configuration) { stage in
      let nodes = [try stage.node(1), try stage.node(2)]
      for node in nodes { try await node.up() }
      try await eventually("there are routes of both families") {
        try nodes.allSatisfy {
          try $0.has(route: "10.244.") && $0.host.run("ip -6 route show dev flannel-v6.1").contains("fd10:244:0:")
        }
      }
      let ipv6 = try #require(try stage.environment(2).ipv6Subnet)
      #expect(try stage.etcd.leases().contains { $0.contains("&fd10:244:0:") })
      // The tunnel device itself answers at the subnet's base address.
      try await eventually("the tunnel carries IPv6") {
        (try? stage.hosts[0].run("ping -6 -q -c 1 -W 1 \(ipv6.network.address)")) != nil
      }
    }
  }

  @Test func theNextRunGoesOnWhereTheLastOneEnded() async throws {
    try await NodeStage.run(2) { stage in
      let nodes = [try stage.node(1), try stage.node(2)]
      for node in nodes { try await node.up() }
      _ = try stage.makePod(1)
      let pod = try stage.makePod(2)
      try await eventually("the pods reach each other") { stage.isReached(1, pod) }
      let leases = try stage.etcd.leases()
      let ping = try stage.startPing(from: 1, to: pod, count: 500)
      #expect(await (try stage.node(1)).failure == .isRunning(stateFile: stage.settings(1).stateFile))
      #expect(await nodes[0].end() == nil)
      for _ in 0..<2 {
        let again = try stage.node(1) { $0.endsWhenUp = true }
        #expect(await again.failure == nil)
      }
      #expect(try await ping.output().contains("500 packets transmitted, 500 received"))
      #expect(try stage.etcd.leases() == leases)
    }
  }
}
