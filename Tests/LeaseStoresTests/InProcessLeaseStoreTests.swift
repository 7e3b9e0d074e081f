import ClusterModel
import Glibc
import LeaseStores
import Netlink
import Testing

@Suite struct InProcessLeaseStoreTests {
  private func store(_ prefix: String = "10.244.0.0/16") throws -> InProcessLeaseStore {
    try InProcessLeaseStore(
      FlannelConfiguration(ipv4: .init(try #require(IPPrefix(prefix))), backend: .hostGateway))
  }

  @Test func givesAndTakesBack() throws {
    let store = try store()
    let first = try store.acquire(.node(1))
    #expect(first.lease.subnet == IPPrefix("10.244.1.0/24"))
    #expect(try store.acquire(.node(2)).lease.subnet == IPPrefix("10.244.2.0/24"))
    let before = store.state().revision
    #expect(try store.acquire(.node(1)).lease == first.lease)
    #expect(store.state().revision == before)
    var changed = try LeaseRequest.node(1)
    changed.backend = .hostGateway
    #expect(try store.acquire(changed).lease.backend == .hostGateway)
    #expect(store.state().leases.count == 2)
    store.release(first)
    #expect(store.state().leases.map(\.subnet) == [IPPrefix("10.244.2.0/24")])
    #expect(throws: LeaseStoreError.self) { try store.renew(first) }
  }

  /// As labs do, which have a thread for each node.
  @Test func threadsGetDifferentSubnets() throws {
    let store = try store()
    let subnets = Locked<[IPPrefix]>([])
    let requests = try (UInt8(1)...32).map { try LeaseRequest.node($0) }
    let threads = requests.map { request in
      startThread { if let held = try? store.acquire(request) { subnets.with { $0.append(held.lease.subnet) } } }
    }
    for thread in threads { pthread_join(thread, nil) }
    #expect(Set(subnets.get()).count == 32)
    #expect(store.state().leases.count == 32)
  }

  @Test func observersAreTold() throws {
    let store = try store()
    let counts = Locked<[Int]>([])
    let observation = store.observe { state in counts.with { $0.append(state.leases.count) } }
    let held = try store.acquire(.node(1))
    _ = try store.acquire(.node(2))
    store.release(held)
    store.end(observation)
    _ = try store.acquire(.node(3))
    #expect(counts.get() == [0, 1, 2, 1])
  }

  @Test func streamsHaveTheLastState() async throws {
    let store = try store()
    let heard = Heard(store.changes())
    defer { heard.stop() }
    for number in UInt8(1)...20 { _ = try store.acquire(.node(number)) }
    try store.replace(
      FlannelConfiguration(ipv4: .init(try #require(IPPrefix("10.244.0.0/16"))), backend: .vxlan(.init())))
    let last = try await heard.first("the backend") { $0.state?.configuration?.backend.name == "vxlan" }.state
    #expect(last == store.state())
    #expect(last?.leases.count == 20)
  }

  @Test func refusesWhatCannotBeServed() throws {
    #expect(throws: LeaseStoreError.self) { try self.store("10.0.0.0/30") }
    let store = try store("10.0.0.0/28")
    for number in UInt8(1)...3 { _ = try store.acquire(.node(number)) }
    let request = try LeaseRequest.node(4)
    do throws(LeaseStoreError) {
      _ = try store.acquire(request)
      Issue.record("there was a fourth")
    } catch {
      #expect(error.description.hasPrefix("no subnet is free in this process's lease store: all 3 subnets of /30"))
    }
  }
}

private final class Work: Sendable {
  let body: @Sendable () -> Void
  init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}

private func startThread(_ body: @escaping @Sendable () -> Void) -> pthread_t {
  var thread = pthread_t()
  pthread_create(
    &thread, nil,
    { work in
      if let work { Unmanaged<Work>.fromOpaque(work).takeRetainedValue().body() }
      return nil
    }, Unmanaged.passRetained(Work(body)).toOpaque())
  return thread
}
