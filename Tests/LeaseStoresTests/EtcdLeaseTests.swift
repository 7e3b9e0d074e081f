import ClusterModel
import Netlink
import Testing

@testable import LeaseStores

/// Leases in a real etcd.
@Suite(.serialized) struct EtcdLeaseTests {
  /// As a real flanneld writes them: read back by etcd's own program.
  @Test func writesWhatFlannelWrites() async throws {
    try await EtcdServer.run { server in
      let store = try server.store()
      var request = try LeaseRequest.node(52)
      request.previous = IPPrefix("10.244.33.1/24")
      let held = try await store.acquire(request)
      #expect(held.lease.subnet == IPPrefix("10.244.33.0/24"))
      #expect(
        try server.etcdctl("get", "--prefix", "/coreos.com/network/subnets") == """
          /coreos.com/network/subnets/10.244.33.0-24
          {"PublicIP":"192.168.0.52","PublicIPv6":null,"BackendType":"vxlan",\
          "BackendData":{"VNI":1,"VtepMAC":"8e:00:00:00:00:34"}}

          """)
      let left = ContinuousClock.now.duration(to: try #require(held.expires))
      #expect(left > .seconds(86_300) && left <= .seconds(86_400))
      let leases = try server.etcdctl("lease", "list").split(separator: "\n").dropFirst()
      let time = try server.etcdctl("lease", "timetolive", String(try #require(leases.first)))
      #expect(time.contains("granted with TTL(86400s)"))

      request.backend = .hostGateway
      #expect(try await store.acquire(request).lease.subnet == held.lease.subnet)
      #expect(
        try server.etcdctl("get", "--print-value-only", "--prefix", "/coreos.com/network/subnets")
          == "{\"PublicIP\":\"192.168.0.52\",\"PublicIPv6\":null,\"BackendType\":\"host-gw\"}\n")
    }
  }

  @Test func bothFamilies() async throws {
    let configuration = #"""
      {"Network": "10.244.0.0/16", "EnableIPv6": true, "IPv6Network": "fd00:10:244::/48", "Backend": {"Type": "vxlan"}}
      """#
    try await EtcdServer.run(configuration: configuration) { server in
      var request = try LeaseRequest.node(1)
      request.publicIPv6 = IPAddress("fd00::1")
      request.backend = .vxlan(vni: 1, mac: MACAddress((2, 0, 0, 0, 0, 1)), ipv6MAC: MACAddress((2, 0, 0, 0, 0, 2)))
      let held = try await server.store().acquire(request)
      #expect(
        try server.etcdctl("get", "--prefix", "/coreos.com/network/subnets") == """
          /coreos.com/network/subnets/10.244.1.0-24&fd00:10:244:1::-64
          {"PublicIP":"192.168.0.1","PublicIPv6":"fd00::1","BackendType":"vxlan",\
          "BackendData":{"VNI":1,"VtepMAC":"02:00:00:00:00:01"},\
          "BackendV6Data":{"VNI":1,"VtepMAC":"02:00:00:00:00:02"}}

          """)
      #expect(try await server.store().state().leases == [held.lease])
    }
  }

  @Test func nodesKeepTheirSubnets() async throws {
    try await EtcdServer.run { server in
      let store = try server.store()
      let first = try await store.acquire(.node(1))
      let second = try await store.acquire(.node(2))
      #expect(first.lease.subnet == IPPrefix("10.244.1.0/24"))
      #expect(second.lease.subnet == IPPrefix("10.244.2.0/24"))
      try await store.release(first)
      try await store.release(first)
      #expect(try await server.store().acquire(.node(2)).lease.subnet == second.lease.subnet)
      #expect(try await store.acquire(.node(3)).lease.subnet == first.lease.subnet)
      // What somebody else has meanwhile is not given back.
      var returning = try LeaseRequest.node(1)
      returning.previous = first.lease.subnet
      #expect(try await store.acquire(returning).lease.subnet == IPPrefix("10.244.3.0/24"))
    }
  }

  @Test func anotherNetworkMovesNodes() async throws {
    try await EtcdServer.run { server in
      let store = try server.store()
      _ = try await store.acquire(.node(1))
      try await store.replace(
        FlannelConfiguration(ipv4: .init(try #require(IPPrefix("10.99.0.0/16"))), backend: .hostGateway))
      #expect(try await store.configuration().backend == .hostGateway)
      #expect(try await store.acquire(.node(1)).lease.subnet == IPPrefix("10.99.1.0/24"))
      #expect(try await store.state().leases.count == 1)
    }
  }

  /// To end the new lease then would delete the node's key, and its peers would lose their routes for a moment.
  @Test func aTransactionWhoseAnswerIsLostStands() async throws {
    try await EtcdServer.run { server in
      let first = try await server.store().acquire(.node(1))
      try await LosingProxy.run(before: server.endpoint.port) { port in
        var settings = server.settings
        settings.endpoints[0].port = port
        let second = try await EtcdLeaseStore(settings).acquire(.node(1))
        #expect(second.lease == first.lease)
        #expect(second.identity != first.identity)
        #expect(try await server.store().renew(second).lease == second.lease)
        // The key was written twice, and never deleted.
        let key = "/coreos.com/network/subnets/10.244.1.0-24"
        #expect(try server.etcdctl("get", key, "--write-out", "json").contains("\"version\":2"))
        #expect(try server.etcdctl("lease", "list").hasPrefix("found 1 leases"))
      }
    }
  }

  /// The lease before has no key any more, and would live for a day.
  @Test func takingALeaseAgainEndsTheOneBefore() async throws {
    try await EtcdServer.run { server in
      let store = try server.store()
      let first = try await store.acquire(.node(1))
      let second = try await store.acquire(.node(1))
      #expect(second.lease == first.lease)
      #expect(second.identity != first.identity)
      #expect(try server.etcdctl("lease", "list").hasPrefix("found 1 leases"))
      #expect(try await store.state().leases == [second.lease])
    }
  }

  /// One that other keys have too, as an operator may give it to them, would take them along.
  @Test func aLeaseThatOtherKeysHaveIsLeft() async throws {
    try await EtcdServer.run { server in
      let store = try server.store()
      let first = try await store.acquire(.node(1))
      try server.etcdctl("put", "--lease", String(first.identity, radix: 16), "/other", "x")
      _ = try await store.acquire(.node(1))
      #expect(try server.etcdctl("get", "/other") == "/other\nx\n")
      #expect(try server.etcdctl("lease", "list").hasPrefix("found 2 leases"))
    }
  }

  /// A key that an operator wrote without an end stays one.
  @Test func reservationsHaveNoEnd() async throws {
    try await EtcdServer.run { server in
      let key = "/coreos.com/network/subnets/10.244.77.0-24"
      try server.put(
        key, #"{"PublicIP":"192.168.0.7","BackendType":"vxlan","BackendData":{"vni":1,"vtepmac":"02:00:00:00:00:07"}}"#)
      let store = try server.store()
      let held = try await store.acquire(.node(7))
      #expect(held.lease.subnet == IPPrefix("10.244.77.0/24"))
      #expect(held.expires == nil)
      #expect(try await store.renew(held) == held)
      try await store.release(held)
      #expect(try server.etcdctl("get", key).contains("8e:00:00:00:00:07"))
      #expect(try server.etcdctl("lease", "list").hasPrefix("found 0 leases"))
    }
  }

  @Test func leasesEndUnlessRenewed() async throws {
    try await EtcdServer.run { server in
      let store = try server.store(leaseTime: .seconds(4))
      let short = try await store.acquire(.node(1))
      var kept = try await store.acquire(.node(2))
      let start = ContinuousClock.now
      try await eventually("the first lease ends") {
        kept = try await store.renew(kept)
        return try await store.state().leases == [kept.lease]
      }
      #expect(ContinuousClock.now - start > .seconds(1))
      let loss = try #require(await failure { _ = try await store.renew(short) })
      #expect(loss.description.hasSuffix("is lost: it expired or was deleted"))
      #expect(loss.description.hasPrefix("the lease of 10.244.1.0/24 in etcd at http://127.0.0.1:"))
    }
  }

  @Test func tellsThatSomebodyWroteOverALease() async throws {
    try await EtcdServer.run { server in
      let store = try server.store()
      let held = try await store.acquire(.node(1))
      try server.put(
        "/coreos.com/network/subnets/10.244.1.0-24", #"{"PublicIP":"192.168.0.9","BackendType":"host-gw"}"#)
      let loss = try #require(await failure { _ = try await store.renew(held) })
      guard case .lostLease = loss else {
        Issue.record("\(loss)")
        return
      }
      #expect(loss.description.hasSuffix("somebody wrote over it"))
    }
  }

  /// Ten nodes by two programs at the same moment.
  @Test func racersGetDifferentSubnets() async throws {
    try await EtcdServer.run { server in
      let stores = [try server.store(), try server.store()]
      let subnets = try await withThrowingTaskGroup(of: IPPrefix.self) { group in
        for number in UInt8(1)...10 {
          let request = try LeaseRequest.node(number)
          group.addTask { try await stores[Int(number) % 2].acquire(request).lease.subnet }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(Set(subnets).count == 10)
      #expect(try await Set(stores[0].state().leases.map(\.subnet)) == Set(subnets))
      // Nothing is left of the attempts that failed.
      #expect(try server.etcdctl("lease", "list").hasPrefix("found 10 leases"))
    }
  }

  /// A flannel that chose another IPv6 subnet, or had longer subnets before, writes another key for the same addresses.
  @Test(arguments: ["10.244.1.0-24&fd00:1::-64", "10.244.0.0-23", "10.244.200.0-24"])
  func whatOverlapsIsSeenInTime(key: String) async throws {
    try await EtcdServer.run { server in
      let store = try server.store()
      let before = try await store.content()
      let state = before.state
      let choice = try LeaseChoice(.node(1), try #require(state.configuration), state)
      try server.put("/coreos.com/network/subnets/" + key, #"{"PublicIP":"192.168.0.9","BackendType":"host-gw"}"#)
      #expect(try await store.take(choice, before) == nil)
      #expect(try server.etcdctl("lease", "list").hasPrefix("found 0 leases"))
      let held = try await store.acquire(.node(1))
      #expect(held.lease.subnet == IPPrefix(key.contains("200") ? "10.244.1.0/24" : "10.244.2.0/24"))
    }
  }

  @Test func oneOfTwoRacersGetsTheLastSubnet() async throws {
    let configuration = #"""
      {"Network": "10.0.0.0/26", "SubnetLen": 28, "SubnetMin": "10.0.0.32", "SubnetMax": "10.0.0.32",
       "Backend": {"Type": "host-gw"}}
      """#
    try await EtcdServer.run(configuration: configuration) { server in
      let stores = [try server.store(), try server.store()]
      let requests = [try LeaseRequest.node(1), try LeaseRequest.node(2)]
      let results = await withTaskGroup(of: LeaseStoreError?.self) { group in
        for index in 0..<2 {
          group.addTask { await failure { _ = try await stores[index].acquire(requests[index]) } }
        }
        return await group.reduce(into: []) { $0.append($1) }
      }
      #expect(results.filter { $0 == nil }.count == 1)
      let error = try #require(results.compactMap { $0 }.first)
      #expect(error.description.hasPrefix("no subnet is free in etcd at http://"))
      #expect(
        error.description.contains("the one subnet of /28 that 10.0.0.0/26 has for nodes (10.0.0.32 to 10.0.0.32)"))
      #expect(try await stores[0].state().leases.count == 1)
    }
  }

  /// They are told, and their subnets stay theirs.
  @Test func whatOthersWroteWronglyIsPassedOver() async throws {
    try await EtcdServer.run { server in
      let folder = "/coreos.com/network/subnets/"
      try server.put(folder + "10.244.1.0-24", "oops")
      try server.put(folder + "10.244.2.0-23", #"{"PublicIP":"192.168.0.8","BackendType":"vxlan"}"#)
      try server.put(folder + "hello", "{}")
      try server.put(folder + "10.244.4.0-24", #"{"PublicIP":"192.168.0.9","BackendType":"wireguard"}"#)
      let store = try server.store()
      #expect(try await store.acquire(.node(1)).lease.subnet == IPPrefix("10.244.5.0/24"))
      let state = try await store.state()
      #expect(state.leases.map(\.subnet.description) == ["10.244.4.0/24", "10.244.5.0/24"])
      #expect(state.leases.first?.backend == .other("wireguard"))
      #expect(
        state.faults.map(\.description) == [
          "the lease \(folder)10.244.1.0-24 is passed over: its value is no JSON, line 1, column 1: no value of JSON; "
            + "delete or correct the key, or restart the program that wrote it",
          "the lease \(folder)10.244.2.0-23 is passed over: its BackendData has no VNI; "
            + "delete or correct the key, or restart the program that wrote it",
          "the lease \(folder)hello is passed over: this names no subnet; "
            + "delete or correct the key, or restart the program that wrote it",
        ])
    }
  }

  @Test func saysWhatConfigurationIsMissing() async throws {
    try await EtcdServer.run(configuration: nil) { server in
      let store = try server.store()
      let missing = try #require(await failure { _ = try await store.acquire(.node(1)) })
      #expect(missing.description.hasPrefix("there is no configuration in etcd at http://127.0.0.1:"))
      try server.put("/coreos.com/network/config", #"{"Network": "10.0.0.0/16"}"#)
      let wrong = try #require(await failure { _ = try await store.acquire(.node(1)) })
      #expect(wrong.description.contains("cannot be served: net-conf.json: Backend: it is missing"))
      #expect(try await store.state().leases == [])
    }
  }
}
