import ClusterModel
import Netlink

/// The store of flannel's that is an etcd v3: a real flanneld and this program can share it, and the network.
///
/// The keys are `PREFIX/config` and `PREFIX/subnets/10.244.1.0-24`; each node's key ends with a lease of etcd's.
public struct EtcdLeaseStore: LeaseStore {
  let client: EtcdClient
  let settings: EtcdSettings

  public init(_ settings: EtcdSettings) throws(LeaseStoreError) {
    client = try EtcdClient(settings)
    self.settings = settings
  }

  public var place: String { client.place }

  public func state() async throws(LeaseStoreError) -> LeaseStoreState { try await content().state }

  func content() async throws(LeaseStoreError) -> EtcdContent {
    let answer = try await client.call("/v3/kv/range", EtcdMessage.range(settings.prefix + "/"))
    return try EtcdContent(prefix: settings.prefix, place: place, answer: answer)
  }

  public func replace(_ configuration: FlannelConfiguration) async throws(LeaseStoreError) {
    do { try configuration.check() } catch { throw .badConfiguration(place: place, error) }
    _ = try await client.call(
      "/v3/kv/put", EtcdMessage.put(EtcdContent.configurationKey(settings.prefix), configuration.json))
  }

  /// As many as this may want a subnet at the same moment, and each gets one.
  static let attempts = 64

  public func acquire(_ request: LeaseRequest) async throws(LeaseStoreError) -> HeldLease {
    for attempt in 0..<Self.attempts {
      if attempt > 0 {
        // Who lost against the same one again and again would wait as long as it.
        try? await Task.sleep(for: .milliseconds(Int.random(in: 0...min(200, 10 * attempt))))
      }
      guard !Task.isCancelled else { throw .ended(place: place) }
      let content = try await content()
      let state = content.state
      let choice: LeaseChoice
      let configuration = try state.served(by: place)
      do throws(SubnetsExhausted) { choice = try LeaseChoice(request, configuration, state) } catch {
        throw .exhausted(place: place, error)
      }
      if let held = try await take(choice, content) { return held }
    }
    throw .contended(place: place, attempts: Self.attempts)
  }

  /// Nil where somebody wrote in between.
  func take(_ choice: LeaseChoice, _ content: EtcdContent) async throws(LeaseStoreError) -> HeldLease? {
    let key = key(choice.lease)
    let before = content.values[key]
    // A reservation is a key that an operator wrote without an end; it stays one.
    let isReservation = choice.isHeld && before?.lease == 0
    let start = ContinuousClock.now
    let (identity, time) = isReservation ? (0, Duration.zero) : try await grant()
    var conditions: [JSONValue]
    if choice.isHeld {
      conditions = [EtcdMessage.isUnchanged(key, since: before?.revision ?? 0)]
    } else {
      // Keys of other lengths, or with another IPv6 subnet, may overlap this one without being the same.
      conditions = [
        EtcdMessage.isMissing(key),
        EtcdMessage.isUnchanged(folder: EtcdContent.subnetsKey(settings.prefix), since: content.revision),
      ]
    }
    let stale = choice.stale.map { self.key($0) }
    conditions += stale.map { EtcdMessage.isUnchanged($0, since: content.values[$0]?.revision ?? 0) }
    let message = EtcdMessage.transaction(
      if: conditions, puts: [EtcdMessage.put(key, choice.lease.value, lease: identity)], deletes: stale)
    let revision: Int64
    do throws(LeaseStoreError) {
      let answer = try await client.call("/v3/kv/txn", message)
      guard answer["succeeded"] == .bool(true), let written = answer["header"]?["revision"]?.integer else {
        await settle { try? await revoke(identity) }
        return nil
      }
      revision = written
    } catch {
      // It may have been made, and only its answer was lost. Its lease is the node's key then, and is not to be revoked.
      let written = await settle { () async -> Int64? in
        guard identity != 0, let now = try? await self.content() else { return nil }
        if let value = now.values[key], value.lease == identity { return value.revision }
        try? await revoke(identity)
        return nil
      }
      guard let written, !Task.isCancelled else { throw error }
      revision = written
    }
    // What the keys had before has no key any more.
    let replaced = (choice.isHeld ? [key] : []) + stale
    for old in Set(replaced.compactMap { content.values[$0]?.lease }) where old != identity {
      await settle { await revokeUnused(old) }
    }
    return HeldLease(
      lease: choice.lease, expires: isReservation ? nil : start.advanced(by: time), revision: revision,
      identity: identity)
  }

  /// Does what is still to be done when the caller's task has been ended, within a limit.
  @discardableResult private func settle<Result: Sendable>(_ body: @escaping @Sendable () async -> Result) async
    -> Result
  {
    let work = Task.detached { await body() }
    let limit = settings.answerLimit * settings.endpoints.count
    let end = Task.detached {
      try? await Task.sleep(for: limit)
      work.cancel()
    }
    defer { end.cancel() }
    return await work.value
  }

  /// Ends a lease that no key has: one that somebody gave to other keys too would take them along.
  private func revokeUnused(_ identity: Int64) async {
    let message = EtcdMessage.object(("ID", EtcdMessage.integer(identity)), ("keys", .bool(true)))
    guard identity != 0, let answer = try? await client.call("/v3/lease/timetolive", message),
      answer["keys"]?.elements?.isEmpty ?? true
    else { return }
    try? await revoke(identity)
  }

  private func key(_ lease: SubnetLease) -> String { EtcdContent.subnetsKey(settings.prefix) + lease.key }

  private func grant() async throws(LeaseStoreError) -> (identity: Int64, time: Duration) {
    let message = EtcdMessage.object(("TTL", EtcdMessage.integer(max(1, settings.leaseTime.components.seconds))))
    let answer = try await client.call("/v3/lease/grant", message)
    guard let identity = answer["ID"]?.integer, identity != 0, let seconds = answer["TTL"]?.integer else {
      throw .malformed(place: place, reason: "a lease without a number or a time")
    }
    return (identity, .seconds(seconds))
  }

  private func revoke(_ identity: Int64) async throws(LeaseStoreError) {
    guard identity != 0 else { return }
    do throws(LeaseStoreError) {
      _ = try await client.call("/v3/lease/revoke", EtcdMessage.object(("ID", EtcdMessage.integer(identity))))
    } catch { if !EtcdError.isMissingLease(error) { throw error } }
  }

  public func renew(_ held: HeldLease) async throws(LeaseStoreError) -> HeldLease {
    func lost(_ reason: String) -> LeaseStoreError {
      .lostLease(subnet: held.lease.subnet, place: place, reason: reason)
    }
    let content = try await content()
    guard let value = content.values[key(held.lease)] else { throw lost("it expired or was deleted") }
    guard value.lease == held.identity, value.revision == held.revision else {
      throw lost("somebody wrote over it")
    }
    guard held.identity != 0 else { return held }
    let start = ContinuousClock.now
    let answer = try await client.call(
      "/v3/lease/keepalive", EtcdMessage.object(("ID", EtcdMessage.integer(held.identity))))
    // Of a lease that is gone there is no time, which is left out.
    guard let seconds = answer["TTL"]?.integer, seconds > 0 else { throw lost("it expired") }
    var renewed = held
    renewed.expires = start.advanced(by: .seconds(seconds))
    return renewed
  }

  /// The key goes with its lease. A reservation stays.
  public func release(_ held: HeldLease) async throws(LeaseStoreError) { try await revoke(held.identity) }
}
