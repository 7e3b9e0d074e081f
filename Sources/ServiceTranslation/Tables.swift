import ClusterModel
import HostSystem
import Netlink
import SocketDataplane
import SocketDataplaneTypes
import Synchronization

/// The hooks' tables, and what this process knows of their contents.
final class Tables {
  let folder: PinnedFolder
  let places: HashMap<UInt64, svs_sock_place>
  let addresses: HashMap<svs_sock_address, svs_sock_entry>
  let records: SharedArray<svs_sock_service>
  let slots: SharedArray<UInt64>
  let endpoints: SharedArray<svs_sock_endpoint>
  let state: SharedArray<svs_sock_state>
  let grace: GracePeriod

  /// The edition that what follows is of.
  var edition: UInt64 = 0
  var services: [AddressKey: KnownService] = [:]
  /// Every address in the kernel's table, and the service it leads to.
  var owners: [AddressKey: UInt32] = [:]
  var freeServices: Numbers
  var freeEndpoints: Numbers
  var freeSlots: SlotRanges

  /// A service as the tables have it.
  struct KnownService {
    var number: UInt32
    var slots: Range<Int>
    var affinitySeconds: UInt32
    var endpoints: [AddressKey]
    /// Of the endpoints' records, in the same order.
    var numbers: [UInt32]
  }

  init(_ folder: PinnedFolder) throws(ServiceTranslationError) {
    self.folder = folder
    state = try SharedArray(pinnedAt: folder.pin("svs_sock_state"))
    guard state[0].pointee.layout == SVS_SOCK_LAYOUT else { throw .foreignPins(folder: folder.path) }
    places = try HashMap(pinnedAt: folder.pin("svs_sock_places"))
    addresses = try HashMap(pinnedAt: folder.pin("svs_sock_addresses"))
    records = try SharedArray(pinnedAt: folder.pin("svs_sock_services"))
    slots = try SharedArray(pinnedAt: folder.pin("svs_sock_slots"))
    endpoints = try SharedArray(pinnedAt: folder.pin("svs_sock_endpoints"))
    grace = try GracePeriod()
    freeServices = Numbers(capacity: records.count) { _ in false }
    freeEndpoints = Numbers(capacity: endpoints.count) { _ in false }
    freeSlots = SlotRanges(capacity: slots.count, used: [])
    // New tables are known to be empty.
    if state[0].pointee.edition != 0 { try rebuild() }
  }

  /// Learns anew what is in the tables where another process changed them, or ended while it did.
  func refresh() throws(ServiceTranslationError) {
    if state[0].pointee.edition != edition { try rebuild() }
  }

  private func rebuild() throws(ServiceTranslationError) {
    services.removeAll()
    owners.removeAll()
    // An odd edition: somebody ended on the way. What nothing leads to is taken away below.
    var leading: [UInt32: [AddressKey]] = [:]
    for raw in addresses.keys(svs_sock_address()) {
      let key = AddressKey(raw)
      guard let entry = addresses.find(raw, svs_sock_entry()), Int(entry.service) < records.count,
        records[entry.service].pointee.address.protocol != 0
      else {
        try addresses.remove(raw, "remove an address")
        continue
      }
      leading[entry.service, default: []].append(key)
    }
    var usedSlots: [Range<Int>] = []
    var usedEndpoints: Set<UInt32> = []
    var usedServices: Set<UInt32> = []
    for (number, keys) in leading {
      let record = records[number]
      let key = AddressKey(record.pointee.address)
      guard keys.contains(key), let known = read(number) else {
        for key in keys { try addresses.remove(key.raw, "remove an address") }
        continue
      }
      services[key] = known
      for key in keys { owners[key] = number }
      if !known.slots.isEmpty { usedSlots.append(known.slots) }
      usedEndpoints.formUnion(known.numbers)
      usedServices.insert(number)
    }
    for number in 0..<UInt32(records.count) where !usedServices.contains(number) {
      if records[number].pointee.address.protocol != 0 { records[number].pointee.address.protocol = 0 }
    }
    for number in 0..<UInt32(endpoints.count) where !usedEndpoints.contains(number) {
      if endpoints[number].pointee.serial != 0 { endpoints[number].pointee.serial = 0 }
    }
    try grace.wait()
    freeServices = Numbers(capacity: records.count) { usedServices.contains($0) }
    freeEndpoints = Numbers(capacity: endpoints.count) { usedEndpoints.contains($0) }
    usedSlots.sort { $0.lowerBound < $1.lowerBound }
    freeSlots = SlotRanges(capacity: slots.count, used: usedSlots)
    // Even again: all is in order.
    state[0].pointee.edition &+= state[0].pointee.edition & 1
    edition = state[0].pointee.edition
  }

  /// A service from its record; nil where that leads nowhere.
  private func read(_ number: UInt32) -> KnownService? {
    let record = records[number].pointee
    let first = Int(EndpointList.first(record.list))
    let count = Int(EndpointList.count(record.list))
    guard first + count <= slots.count else { return nil }
    var numbers: [UInt32] = []
    for place in first..<first + count {
      let endpoint = UInt32(truncatingIfNeeded: slots[place].pointee)
      guard Int(endpoint) < endpoints.count, endpoints[endpoint].pointee.service == number else { return nil }
      numbers.append(endpoint)
    }
    return KnownService(
      number: number, slots: count == 0 ? 0..<0 : first..<first + count, affinitySeconds: record.affinity_seconds,
      endpoints: numbers.map { AddressKey(endpoints[$0].pointee.address) }, numbers: numbers)
  }

  func counters() -> [ServiceCounters] {
    services.sorted { $0.key < $1.key }.compactMap { key, known in
      guard let transport = key.transport else { return nil }
      let record = records[known.number].pointee
      return ServiceCounters(
        transport: transport, clusterIP: key.address, port: key.port, connections: record.connections,
        refusals: record.refusals,
        endpoints: zip(known.endpoints, known.numbers).map { endpoint, number in
          ServiceCounters.EndpointCounters(
            endpoint: Endpoint(endpoint.address, port: endpoint.port),
            connections: endpoints[number].pointee.connections)
        })
    }
  }
}
