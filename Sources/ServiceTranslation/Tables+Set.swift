import SocketDataplane
import SocketDataplaneTypes
import Synchronization

extension Tables {
  /// What a call changes, with room for all of it taken: only the table of addresses can still refuse.
  fileprivate struct Plan {
    var changed: [(key: AddressKey, old: KnownService?, new: KnownService, fresh: Set<UInt32>)] = []
    var removed: [(key: AddressKey, old: KnownService)] = []
    var put: [(key: AddressKey, service: UInt32)] = []
    var dropped: [AddressKey] = []
    var services: Numbers
    var endpoints: Numbers
    var slots: SlotRanges

    var isEmpty: Bool { changed.isEmpty && removed.isEmpty && put.isEmpty && dropped.isEmpty }
  }

  /// Makes these the services there are; throws before it changed anything, or takes back what it did.
  func set(_ wanted: [WantedService]) throws(ServiceTranslationError) {
    // Half of the records are for what is new while the old is still there.
    let (room, endpointRoom) = (records.count / 2, endpoints.count / 2)
    guard wanted.count <= room else { throw .full(what: "services", capacity: room) }
    guard wanted.reduce(0, { $0 + $1.endpoints.count }) <= endpointRoom else {
      throw .full(what: "endpoints", capacity: endpointRoom)
    }
    var plan: Plan
    do {
      plan = try makePlan(wanted)
    } catch {
      guard case .full = error else { throw error }
      // Some room may only be waiting to be nobody's.
      try grace.wait()
      freeServices.release()
      freeEndpoints.release()
      freeSlots.release()
      plan = try makePlan(wanted)
    }
    if plan.isEmpty { return }
    let edition = state[0].pointer(to: \.edition).unsafelyUnwrapped
    edition.publish(edition.pointee &+ 1)
    defer {
      edition.publish(edition.pointee &+ 1)
      self.edition = edition.pointee
    }
    prepare(plan)
    do {
      try put(plan)
    } catch {
      withdraw(plan)
      throw error
    }
    apply(plan)
  }

  private func makePlan(_ wanted: [WantedService]) throws(ServiceTranslationError) -> Plan {
    var plan = Plan(services: freeServices, endpoints: freeEndpoints, slots: freeSlots)
    var kept: Set<AddressKey> = []
    kept.reserveCapacity(wanted.count)
    var addressed: Set<AddressKey> = []
    addressed.reserveCapacity(owners.count)
    for service in wanted {
      kept.insert(service.key)
      let old = services[service.key]
      var number = old?.number
      if let old, old.endpoints == service.endpoints {
        if old.affinitySeconds != service.affinitySeconds {
          var new = old
          new.affinitySeconds = service.affinitySeconds
          plan.changed.append((service.key, old, new, fresh: []))
        }
      } else {
        let (new, fresh) = try plan.place(service, old, self)
        number = new.number
        plan.changed.append((service.key, old, new, fresh))
      }
      guard let number else { continue }
      for address in service.addresses {
        addressed.insert(address)
        if owners[address] != number { plan.put.append((address, number)) }
      }
    }
    for (key, old) in services where !kept.contains(key) { plan.removed.append((key, old)) }
    for key in owners.keys where !addressed.contains(key) { plan.dropped.append(key) }
    return plan
  }

  /// Writes what no hook looks at yet.
  private func prepare(_ plan: Plan) {
    for change in plan.changed {
      let service = change.new.number
      for (endpoint, number) in zip(change.new.endpoints, change.new.numbers) where change.fresh.contains(number) {
        endpoints[number].pointee = svs_sock_endpoint(
          address: endpoint.raw, service: service, serial: nextSerial(), zero: 0, connections: 0)
      }
      if change.old?.slots != change.new.slots {
        for (place, number) in zip(change.new.slots, change.new.numbers) { slots[place].pointee = UInt64(number) }
      }
      if change.old == nil {
        records[service].pointee = svs_sock_service(
          turn: 0, list: change.new.list, connections: 0, refusals: 0, address: change.key.raw,
          affinity_seconds: change.new.affinitySeconds, zero: 0)
      }
    }
  }

  private func nextSerial() -> UInt32 {
    state[0].pointee.serial &+= 1
    if state[0].pointee.serial == 0 { state[0].pointee.serial = 1 }
    return state[0].pointee.serial
  }

  /// Lets addresses lead to their services, or takes back those that did not before.
  private func put(_ plan: Plan) throws(ServiceTranslationError) {
    for (done, change) in plan.put.enumerated() {
      do {
        try addresses.put(
          change.key.raw, change.key.entry(change.service), orFull: "addresses of services",
          "put in a service's address")
      } catch {
        for change in plan.put[..<done] {
          if let owner = owners[change.key] {
            try? addresses.put(change.key.raw, change.key.entry(owner), orFull: "", "put back a service's address")
          } else {
            try? addresses.remove(change.key.raw, "take back a service's address")
          }
        }
        throw error
      }
    }
  }

  /// Takes back what was prepared.
  private func withdraw(_ plan: Plan) {
    (freeServices, freeEndpoints, freeSlots) = (plan.services, plan.endpoints, plan.slots)
    for change in plan.changed {
      for number in change.fresh { retire(endpoint: number) }
      if change.old?.slots != change.new.slots { freeSlots.retire(change.new.slots) }
      if change.old == nil { retire(service: change.new.number) }
    }
  }

  /// The rest, which cannot fail: every service changes in one step.
  private func apply(_ plan: Plan) {
    (freeServices, freeEndpoints, freeSlots) = (plan.services, plan.endpoints, plan.slots)
    for change in plan.put { owners[change.key] = change.service }
    for change in plan.changed {
      services[change.key] = change.new
      guard let old = change.old else { continue }
      let record = records[change.new.number]
      record.pointee.affinity_seconds = change.new.affinitySeconds
      record.pointer(to: \.list).unsafelyUnwrapped.publish(change.new.list)
      let staying = Set(change.new.numbers)
      for number in old.numbers where !staying.contains(number) { retire(endpoint: number) }
      if old.slots != change.new.slots { freeSlots.retire(old.slots) }
    }
    for key in plan.dropped {
      // The address was there; a table does not refuse to forget.
      try? addresses.remove(key.raw, "remove a service's address")
      owners[key] = nil
    }
    for (key, old) in plan.removed {
      services[key] = nil
      records[old.number].pointer(to: \.list).unsafelyUnwrapped.publish(0)
      for number in old.numbers { retire(endpoint: number) }
      freeSlots.retire(old.slots)
      retire(service: old.number)
    }
  }

  private func retire(endpoint number: UInt32) {
    endpoints[number].pointee.serial = 0
    freeEndpoints.retire(number)
  }

  private func retire(service number: UInt32) {
    records[number].pointee.address.protocol = 0
    freeServices.retire(number)
  }
}

extension Tables.Plan {
  /// Takes room for a service that is new or has other endpoints than before.
  fileprivate mutating func place(
    _ wanted: WantedService, _ old: Tables.KnownService?, _ tables: Tables
  ) throws(ServiceTranslationError) -> (new: Tables.KnownService, fresh: Set<UInt32>) {
    guard let number = old?.number ?? services.take() else {
      throw .full(what: "services", capacity: tables.records.count)
    }
    var present: [AddressKey: UInt32] = [:]
    if let old { for (endpoint, number) in zip(old.endpoints, old.numbers) { present[endpoint] = number } }
    var numbers: [UInt32] = []
    var fresh: Set<UInt32> = []
    for endpoint in wanted.endpoints {
      if let number = present[endpoint] {
        numbers.append(number)
        continue
      }
      guard let number = endpoints.take() else { throw .full(what: "endpoints", capacity: tables.endpoints.count) }
      numbers.append(number)
      fresh.insert(number)
    }
    guard let range = slots.take(numbers.count) else {
      throw .full(what: "places in lists of endpoints", capacity: tables.slots.count)
    }
    let new = Tables.KnownService(
      number: number, slots: range, affinitySeconds: wanted.affinitySeconds, endpoints: wanted.endpoints,
      numbers: numbers)
    return (new, fresh)
  }
}

extension Tables.KnownService {
  fileprivate var list: UInt64 { EndpointList.word(first: UInt32(slots.lowerBound), count: UInt32(slots.count)) }
}

extension UnsafeMutablePointer where Pointee == UInt64 {
  /// Writes a word for hooks that run meanwhile: what was written before it is there for them too.
  fileprivate func publish(_ value: UInt64) {
    UnsafeMutableRawPointer(self).assumingMemoryBound(to: Atomic<UInt64>.self).pointee
      .store(value, ordering: .releasing)
  }
}
