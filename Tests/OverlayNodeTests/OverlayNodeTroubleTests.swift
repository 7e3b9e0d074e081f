import Cluster
import ClusterModel
import Glibc
import HostSystem
import LeaseStores
import Netlink
import Testing

@testable import OverlayNode

extension RunningNode {
  fileprivate var timesTwice: Int { all.count { if case .twice = $0 { true } else { false } } }
}

/// What goes wrong in etcd, on the host and in the words, and what a node makes of it.
extension OverlayNodeTests {
  @Test func whatIsNotThereYetIsWaitedForAndSaidOnce() async throws {
    try await NodeStage.run(1, startsEtcd: false) { stage in
      let node = try stage.node(1)
      func waits() -> [LeaseStoreError] {
        node.all.compactMap { if case .waiting(let error) = $0 { error } else { nil } }
      }
      try await node.told("nobody answers") { if case .waiting(.unreachable) = $0 { true } else { false } }
      try stage.etcd.start()
      try await node.told("there is no configuration") {
        if case .waiting(.noConfiguration) = $0 { true } else { false }
      }
      #expect(!node.isUp)
      try stage.etcd.configure(#"{"Network":"10.244.0.0/40"}"#)
      try await node.told("a bad one") { if case .waiting(.badConfiguration) = $0 { true } else { false } }
      try stage.etcd.configure(NodeStage.vxlan)
      try await node.up()
      // One of each, however often it was tried: a dozen times until etcd was there.
      #expect(waits().count { if case .unreachable = $0 { true } else { false } } == 1)
      #expect(waits().count { if case .noConfiguration = $0 { true } else { false } } == 1)
      #expect(waits().count { if case .badConfiguration = $0 { true } else { false } } == 1)
      #expect(try stage.environment(1).subnet == IPPrefix("10.244.1.1/24"))
    }
  }

  @Test func aLostLeaseIsAskedForAgain() async throws {
    try await NodeStage.run(2) { stage in
      let node = try stage.node(1)
      try await node.up()
      #expect(try stage.environment(1).subnet == IPPrefix("10.244.1.1/24"))
      try stage.etcd.ctl("del", "/coreos.com/network/subnets/10.244.1.0-24")
      try await node.told("it is lost") { if case .lost = $0 { true } else { false } }
      try await eventually("it is there again") {
        try stage.etcd.leases().contains("/coreos.com/network/subnets/10.244.1.0-24")
      }
      // In one step another's: the node has to take another, and all that it has follows.
      try stage.etcd.ctl(
        "put", "--", "/coreos.com/network/subnets/10.244.1.0-24",
        #"{"PublicIP":"192.168.0.99","BackendType":"host-gw"}"#)
      try await eventually("it has another subnet") {
        try stage.environment(1).subnet == IPPrefix("10.244.2.1/24")
      }
      try await eventually("the device has its address") {
        let text = try node.host.run("ip -o -4 addr show dev flannel.1")
        return text.contains(" 10.244.2.0/32 ") && !text.contains("10.244.1.0")
      }
      try await eventually("the other one is routed to") { try node.has(route: "10.244.1.0/24 via 192.168.0.99") }
    }
  }

  @Test func whatCannotBeIsSaidAndNothingIsHalfBuilt() async throws {
    try await NodeStage.run(2, configuration: #"{"Network":"192.168.0.0/16","Backend":{"Type":"vxlan"}}"#) { stage in
      let node = try stage.node(1)
      try await node.told("the networks overlap") { if case .fault(.overlap) = $0 { true } else { false } }
      #expect(try stage.etcd.leases().isEmpty)
      #expect(try stage.hosts[0].run("ip -o link show type vxlan").isEmpty)
      // Four subnets, of which the first is not given, and all others are taken.
      for number in 1...3 {
        try stage.etcd.ctl(
          "put", "--", "/coreos.com/network/subnets/10.244.0.\(number * 64)-26",
          #"{"PublicIP":"192.168.0.\#(90 + number)","BackendType":"host-gw"}"#)
      }
      try stage.etcd.configure(#"{"Network":"10.244.0.0/24","SubnetLen":26,"Backend":{"Type":"host-gw"}}"#)
      try await node.told("no subnet is free") { if case .waiting(.exhausted) = $0 { true } else { false } }
      #expect(try !node.has(route: "10.244."))
      try stage.etcd.ctl("del", "/coreos.com/network/subnets/10.244.0.128-26")
      try await node.up()
      #expect(try stage.environment(1).subnet == IPPrefix("10.244.0.129/26"))
    }
  }

  @Test func twoNodesWithOneAddressAreTold() async throws {
    try await NodeStage.run(2) { stage in
      let first = try stage.node(1)
      try await first.up()
      let address = try #require(IPAddress("192.168.0.51"))
      let second = try stage.node(2) { $0.publicIP = address }
      try await second.up()
      try await eventually("the first is told that another has its address") { first.timesTwice > 0 }
      #expect(first.timesTwice == 1)
      #expect(second.timesTwice == 0)
    }
  }

  @Test func aBackendThatCannotReachAPeerIsNotFollowed() async throws {
    try await NodeStage.run(1) { stage in
      let node = try stage.node(1)
      try await node.up()
      try stage.etcd.ctl(
        "put", "--", "/coreos.com/network/subnets/10.244.77.0-24",
        #"{"PublicIP":"203.0.113.77","PublicIPv6":null,"BackendType":"vxlan","#
          + #""BackendData":{"VNI":1,"VtepMAC":"8e:60:f2:8b:3d:22"}}"#)
      try await eventually("the route is there") { try node.has(route: "10.244.77.0/24 via 10.244.77.0 dev flannel.1") }
      try stage.etcd.configure(NodeStage.hostGateway)
      try await node.told("it is refused") { if case .fault(.overlay(.refused)) = $0 { true } else { false } }
      #expect(try node.has(route: "10.244.77.0/24 via 10.244.77.0 dev flannel.1"))
      #expect(
        try stage.etcd.leases().joined().contains(#""PublicIP":"192.168.0.51","PublicIPv6":null,"BackendType":"vxlan""#)
      )
      // As soon as the peer is gone, it is done after all.
      try stage.etcd.ctl("del", "/coreos.com/network/subnets/10.244.77.0-24")
      try await eventually("the lease says host-gw") { try stage.etcd.leases().joined().contains("host-gw") }
    }
  }

  @Test func whatCannotPassByItselfEndsTheNode() async throws {
    try await NodeStage.run(1) { stage in
      #expect(await (try stage.node(1) { $0.interface = "eth9" }).failure == .noInterface("eth9"))
      try Files.write("something else\n", to: "\(stage.folder)/text")
      let failure = await (try stage.node(1) { $0.stateFile = "\(stage.folder)/text" }).failure
      guard case .overlay(.configuration(_, let text)) = failure else {
        Issue.record("\(failure.map(\.description) ?? "nothing") was not expected")
        return
      }
      #expect(text.contains("remove the file"))
      #expect(try Files.text("\(stage.folder)/text") == "something else\n")
      #expect(try stage.etcd.leases().isEmpty)
    }
  }
}
