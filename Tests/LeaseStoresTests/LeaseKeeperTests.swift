import ClusterModel
import Glibc
import Netlink
import Testing

@testable import LeaseStores

@Suite(.serialized) struct LeaseKeeperTests {
  private func keeper(_ store: any LeaseStore, _ number: UInt8) throws -> LeaseKeeper {
    LeaseKeeper(store, try .node(number), pause: .milliseconds(20) ... .milliseconds(200))
  }

  /// A lease of four seconds lives on for longer.
  @Test func renews() async throws {
    try await EtcdServer.run { server in
      let store = try server.store(leaseTime: .seconds(4))
      let heard = Heard(try keeper(store, 1).events())
      defer { heard.stop() }
      try await eventually("four renewals") { heard.all.count { $0.subnet != nil } >= 5 }
      #expect(!heard.all.contains { $0.isLoss })
      #expect(try await store.state().leases.count == 1)
      heard.stop()
      try await eventually("its end, after the keeper's") { try await store.state().leases.isEmpty }
    }
  }

  @Test func acquiresAgainWhatWasDeleted() async throws {
    try await EtcdServer.run { server in
      let first = try await server.store().acquire(.node(1))
      let heard = Heard(try keeper(server.store(), 2).events())
      defer { heard.stop() }
      _ = try await heard.first("the lease") { $0.subnet == "10.244.2.0/24" }
      try await server.store().release(first)
      heard.forget()
      try server.etcdctl("del", "/coreos.com/network/subnets/10.244.2.0-24")
      _ = try await heard.first("the loss") { $0.isLoss }
      // Not the first that is free: its pods have the addresses of this one.
      let again = try await heard.first("the lease again") { $0.subnet != nil }
      #expect(again.subnet == "10.244.2.0/24")
      #expect(try await server.store().state().leases.count == 1)
    }
  }

  @Test func takesAnotherSubnetWhereOneIsTaken() async throws {
    try await EtcdServer.run { server in
      let heard = Heard(try keeper(server.store(), 1).events())
      defer { heard.stop() }
      _ = try await heard.first("the lease") { $0.subnet == "10.244.1.0/24" }
      try server.put(
        "/coreos.com/network/subnets/10.244.1.0-24", #"{"PublicIP":"192.168.0.9","BackendType":"host-gw"}"#)
      let loss = try await heard.first("the loss") { $0.isLoss }
      if case .lost(let error) = loss {
        #expect(error.description.hasSuffix("is lost: it is the node 192.168.0.9's now"))
      }
      _ = try await heard.first("another") { $0.subnet == "10.244.2.0/24" }
    }
  }

  /// Etcd is down when the node starts, and ends while it runs; the lease expires meanwhile.
  @Test func waitsForTheStore() async throws {
    try await EtcdServer.run { server in
      server.end()
      let heard = Heard(try keeper(server.store(leaseTime: .seconds(2)), 1).events())
      defer { heard.stop() }
      _ = try await heard.first("the fault") { $0.isFault }
      #expect(!heard.all.contains { $0.subnet != nil })
      try server.start()
      _ = try await heard.first("the lease") { $0.subnet == "10.244.1.0/24" }
      heard.forget()
      server.end()
      _ = try await heard.first("the second fault") { $0.isFault }
      try server.removeData()
      try server.start()
      try await server.waitUntilReady()
      try server.put("/coreos.com/network/config", EtcdServer.configuration)
      heard.forget()
      _ = try await heard.first("the lease again") { $0.subnet == "10.244.1.0/24" }
    }
  }

  /// The lease has a day to live, and the store knows nothing of it any more.
  @Test func acquiresAgainFromAnEmptiedStore() async throws {
    try await EtcdServer.run { server in
      let heard = Heard(try keeper(server.store(), 1).events())
      defer { heard.stop() }
      _ = try await heard.first("the lease") { $0.subnet == "10.244.1.0/24" }
      _ = try await heard.first("its state") { $0.hasLeases }
      server.end()
      try server.removeData()
      heard.forget()
      try server.start()
      _ = try await heard.first("the loss") { $0.isLoss }
      try server.put("/coreos.com/network/config", EtcdServer.configuration)
      _ = try await heard.first("the lease again") { $0.subnet == "10.244.1.0/24" }
    }
  }

  /// A store that is restored from a backup counts from a lower number; the lease may not be in it.
  @Test func aStateOfALowerNumberCounts() async throws {
    let lease = SubnetLease(
      subnet: try #require(IPPrefix("10.244.1.0/24")), publicIP: try #require(IPAddress("192.168.0.1")),
      backend: .hostGateway)
    // The first is from before the lease, and is no loss.
    let store = ScriptedStore(lease: lease, revision: 1_000, states: [990, 500])
    let heard = Heard(try keeper(store, 1).events())
    defer { heard.stop() }
    _ = try await heard.first("the loss") { $0.isLoss }
    let revisions = heard.all.prefix { !$0.isLoss }.compactMap {
      if case .state(let state) = $0 { state.revision } else { nil }
    }
    #expect(revisions == [990, 500])
    try await eventually("the lease again") { heard.all.count { $0.subnet != nil } == 2 }
  }

  @Test func waitsForAFreeSubnet() async throws {
    let network = FlannelConfiguration.Network(
      try #require(IPPrefix("10.0.0.0/26")), subnetLength: 28, subnetMin: IPAddress("10.0.0.32"),
      subnetMax: IPAddress("10.0.0.32"))
    let store = try InProcessLeaseStore(FlannelConfiguration(ipv4: network, backend: .hostGateway))
    let first = try store.acquire(.node(1))
    let heard = Heard(try keeper(store, 2).events())
    defer { heard.stop() }
    _ = try await heard.first("the fault") { $0.isFault }
    store.release(first)
    _ = try await heard.first("the lease") { $0.subnet == "10.0.0.32/28" }
  }
}

extension LeaseKeeper.Event {
  fileprivate var subnet: String? { if case .held(let held) = self { held.lease.subnet.description } else { nil } }
  fileprivate var hasLeases: Bool { if case .state(let state) = self { !state.leases.isEmpty } else { false } }
  fileprivate var isLoss: Bool { if case .lost = self { true } else { false } }
  fileprivate var isFault: Bool { if case .fault = self { true } else { false } }
}

/// A store that gives one lease, and says states without it.
private struct ScriptedStore: LeaseStore {
  let lease: SubnetLease
  let revision: Int64
  let states: [Int64]
  let place = "a store of this test"

  private func state(_ revision: Int64) -> LeaseStoreState {
    LeaseStoreState(configuration: nil, leases: [], revision: revision)
  }

  func state() -> LeaseStoreState { state(revision) }

  func changes() -> AsyncStream<LeaseStoreEvent> {
    let (events, feed) = AsyncStream<LeaseStoreEvent>.makeStream()
    for revision in states { feed.yield(.state(state(revision))) }
    return events
  }

  func acquire(_ request: LeaseRequest) -> HeldLease { HeldLease(lease: lease, expires: nil, revision: revision) }
  func renew(_ held: HeldLease) -> HeldLease { held }
  func release(_ held: HeldLease) {}
  func replace(_ configuration: FlannelConfiguration) {}
}
