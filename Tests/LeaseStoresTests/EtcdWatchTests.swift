import ClusterModel
import Glibc
import LeaseStores
import Netlink
import Testing

/// What somebody who watches is told, also when etcd is stopped, killed, emptied.
@Suite(.serialized) struct EtcdWatchTests {
  @Test func tellsEachChange() async throws {
    try await EtcdServer.run { server in
      let store = try server.store()
      let heard = Heard(try server.store().changes())
      defer { heard.stop() }
      _ = try await heard.first("the first state") { $0.subnets == [] }
      let held = try await store.acquire(.node(1))
      let state = try await heard.first("the lease") { $0.subnets == ["10.244.1.0/24"] }.state
      #expect(state?.leases == [held.lease])
      #expect(state?.revision == held.revision)
      #expect(state?.peers(of: held) == [])
      heard.forget()
      try await store.replace(
        FlannelConfiguration(ipv4: .init(try #require(IPPrefix("10.244.0.0/16"))), backend: .hostGateway))
      _ = try await heard.first("the backend") { $0.state?.configuration?.backend == .hostGateway }
      try await store.release(held)
      _ = try await heard.first("its end") { $0.subnets == [] }
      try server.put("/coreos.com/network/config", "{")
      _ = try await heard.first("a bad configuration") { $0.state?.configuration == nil && $0.state?.faults.count == 1 }
      try server.put("/coreos.com/networks", "not ours")
      #expect(heard.all.allSatisfy { $0.fault == nil })
    }
  }

  @Test func goesOnAfterARestart() async throws {
    try await EtcdServer.run { server in
      let store = try server.store()
      let heard = Heard(try server.store().changes())
      defer { heard.stop() }
      _ = try await store.acquire(.node(1))
      _ = try await heard.first("the lease") { $0.subnets == ["10.244.1.0/24"] }
      server.end()
      let fault = try await heard.first("the fault") { $0.fault != nil }.fault
      #expect(fault?.description.hasPrefix("http://127.0.0.1:\(server.endpoint.port) cannot be reached: ") == true)
      let error = try #require(await failure { _ = try await store.state() })
      #expect(
        error.description.contains("cannot be reached: Connection refused; see whether it runs there and has a leader"))
      // Somebody changes it where the watch cannot see it.
      let port = try freePort()
      try server.start(port: port)
      try await server.waitUntilReady(port: port)
      try server.put(
        "/coreos.com/network/subnets/10.244.9.0-24", #"{"PublicIP":"192.168.0.9","BackendType":"host-gw"}"#, port: port)
      server.end()
      heard.forget()
      try server.start()
      _ = try await heard.first("what was missed") { $0.subnets == ["10.244.1.0/24", "10.244.9.0/24"] }
    }
  }

  /// What was missed is no longer kept there, and a key that is gone has no event.
  @Test func readsAllAgainAfterACompaction() async throws {
    try await EtcdServer.run { server in
      let store = try server.store()
      let heard = Heard(try server.store().changes())
      defer { heard.stop() }
      let held = try await store.acquire(.node(1))
      _ = try await heard.first("the lease") { $0.subnets == ["10.244.1.0/24"] }
      server.end()
      _ = try await heard.first("the fault") { $0.fault != nil }
      let port = try freePort()
      try server.start(port: port)
      try await server.waitUntilReady(port: port)
      try server.etcdctl("del", "/coreos.com/network/subnets/10.244.1.0-24", port: port)
      try server.put(
        "/coreos.com/network/subnets/10.244.9.0-24", #"{"PublicIP":"192.168.0.9","BackendType":"host-gw"}"#, port: port)
      try server.etcdctl("compact", "\(held.revision + 2)", port: port)
      server.end()
      heard.forget()
      try server.start()
      _ = try await heard.first("what is there now") { $0.subnets == ["10.244.9.0/24"] }
      // And it goes on from there.
      _ = try await store.acquire(.node(2))
      _ = try await heard.first("what came after") { $0.subnets == ["10.244.1.0/24", "10.244.9.0/24"] }
    }
  }

  /// An etcd that lost its data counts from the beginning.
  @Test func readsAllAgainFromAnEmptyStore() async throws {
    try await EtcdServer.run { server in
      let heard = Heard(try server.store().changes())
      defer { heard.stop() }
      _ = try await server.store().acquire(.node(1))
      _ = try await heard.first("the lease") { $0.subnets == ["10.244.1.0/24"] }
      server.end()
      try server.removeData()
      heard.forget()
      try server.start()
      let state = try await heard.first("nothing") { $0.state != nil }.state
      #expect(state?.leases == [] && state?.configuration == nil)
    }
  }

  @Test func tellsThatAServerIsSlow() async throws {
    try await EtcdServer.run { server in
      var settings = server.settings
      settings.answerLimit = .milliseconds(700)
      let store = try EtcdLeaseStore(settings)
      let heard = Heard(store.changes())
      defer { heard.stop() }
      _ = try await heard.first("the first state") { $0.state != nil }
      server.stop()
      let start = ContinuousClock.now
      let error = try #require(await failure { _ = try await store.state() })
      #expect(ContinuousClock.now - start < .seconds(5))
      #expect(
        error.description
          == "\(server.endpoint) did not answer within 700 ms; see whether it is overloaded, or has no leader")
      let fault = try await heard.first("the fault") { $0.fault != nil }.fault
      #expect(fault?.description == error.description)
      heard.forget()
      server.goOn()
      _ = try await heard.first("a state") { $0.state != nil }
      _ = try await server.store().acquire(.node(1))
      _ = try await heard.first("the lease") { $0.subnets == ["10.244.1.0/24"] }
    }
  }

  /// Who listens no more leaves no connection behind.
  @Test func endsWithItsReader() async throws {
    try await EtcdServer.run { server in
      // The JSON gateway has one to its own server.
      let before = try server.openConnections()
      let heard = Heard(try server.store().changes())
      _ = try await heard.first("the first state") { $0.state != nil }
      #expect(try server.openConnections() > before)
      heard.stop()
      try await eventually("its connections are closed") { try server.openConnections() <= before }
    }
  }

  @Test func asksTheNextServer() async throws {
    try await EtcdServer.run { server in
      var settings = server.settings
      settings.endpoints.insert(EtcdEndpoint(host: "127.0.0.1", port: try freePort()), at: 0)
      let store = try EtcdLeaseStore(settings)
      let heard = Heard(store.changes())
      defer { heard.stop() }
      _ = try await store.acquire(.node(1))
      _ = try await heard.first("the lease") { $0.subnets == ["10.244.1.0/24"] }
      #expect(heard.all.allSatisfy { $0.fault == nil })
    }
  }

  /// One of three stops without closing its connections, and later there is no majority.
  @Test func goesToAServerThatAnswers() async throws {
    try await EtcdServer.runThree { servers in
      var settings = servers[0].settings
      settings.endpoints = servers.map(\.endpoint)
      settings.answerLimit = .seconds(2)
      let store = try EtcdLeaseStore(settings)
      let heard = Heard(store.changes())
      defer { heard.stop() }
      _ = try await store.acquire(.node(1))
      _ = try await heard.first("the lease") { $0.subnets == ["10.244.1.0/24"] }
      servers[0].stop()
      let fault = try await heard.first("the fault") { $0.fault != nil }.fault
      #expect(fault?.description.hasPrefix("\(servers[0].endpoint) did not answer within 2 s") == true)
      // The others may have to find a leader first.
      try await eventually("the others answer") { await failure { _ = try await store.acquire(.node(2)) } == nil }
      _ = try await heard.first("the second lease") { $0.subnets?.count == 2 }
      heard.forget()
      servers[1].end()
      _ = try await heard.first("the fault") { $0.fault != nil }
      let refused = await failure { _ = try await store.acquire(.node(3)) }
      #expect(refused != nil)
      heard.forget()
      servers[0].goOn()
      _ = try await heard.first("a state") { $0.state != nil }
      try await eventually("two answer") { await failure { _ = try await store.acquire(.node(3)) } == nil }
      _ = try await heard.first("the third lease") { $0.subnets?.count == 3 }
    }
  }

  @Test func saysThatSomethingElseIsThere() async throws {
    try await OtherServer.run { port in
      let store = try EtcdLeaseStore(EtcdSettings(endpoints: [EtcdEndpoint(host: "127.0.0.1", port: port)]))
      let error = try #require(await failure { _ = try await store.state() })
      #expect(
        error.description == "http://127.0.0.1:\(port) refuses: HTTP status 501 for /v3/kv/range; etcd 3.4 or later is "
          + "needed there")
    }
  }

  @Test func saysThatAnAddressIsWrong() async throws {
    var settings = EtcdSettings(endpoints: [EtcdEndpoint(host: "no-such-host.invalid")])
    settings.answerLimit = .seconds(10)
    let store = try EtcdLeaseStore(settings)
    let error = try #require(await failure { _ = try await store.state() })
    #expect(error.description.contains("the name no-such-host.invalid has no address"))
    #expect(throws: LeaseStoreError.self) { try EtcdLeaseStore(EtcdSettings(endpoints: [])) }
  }
}

extension LeaseStoreEvent {
  fileprivate var subnets: [String]? { state?.leases.map(\.subnet.description) }
}
