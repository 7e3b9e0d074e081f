import CLibbpf
import Dataplane
import DataplaneSimulation
import DataplaneTypes
import Glibc
import Netlink

extension Director {
  /// Runs `body` with a copy of this namespace's director, nil where there is none.
  ///
  /// What the copy does stays with it. It is made as it is looked at, entry by entry, so it costs no more than what the
  /// body looks at; the rules stand still meanwhile, connections do not.
  public func withCopy<Result>(
    _ body: (SimulatedDirector?) throws(DirectorError) -> Result
  ) throws(DirectorError) -> Result {
    try locked { () throws(DirectorError) in
      guard let tables else { return try body(nil) }
      return try body(try copy(tables))
    }
  }

  private func copy(_ tables: Tables) throws(DirectorError) -> SimulatedDirector {
    let capacity = tables.config.pointee.connection_capacity
    let state = MemoryPlatform.State(capacity: capacity)
    if let config = state.configuration.find(0) {
      config.pointee = tables.config.pointee
      // A packet that is to wake the neighbour table up is not what anybody asks about.
      config.pointee.probe_ticks = 0
    }
    if let runtime = state.runtime.find(0) {
      runtime.pointee = tables.runtime[0].pointee
      // Which slots were given back only the kernel knows; as many as are free stand behind the table.
      let free = capacity - min(runtime.pointee.live, capacity)
      runtime.pointee.fresh = capacity
      state.freeSlots = (0..<min(free, 4)).map { capacity + 8 + $0 }
    }
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    state.clock = UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)

    let flows4 = try BPFMap(pinnedAt: folder.pin("svs_flows4"))
    let flows6 = try BPFMap(pinnedAt: folder.pin("svs_flows6"))
    let flows = FlowMaps(flows4, flows6)
    state.flows.origin = { flows.find($0) }
    state.connections.origin = { $0 < capacity ? tables.connections.find($0, svs_connection()) : nil }
    state.services.origin = { tables.serviceIndex.find($0) }
    state.serviceRecords.origin = { (try? tables.services.record($0))?.pointee }
    state.servers.origin = { (try? tables.servers.record($0))?.pointee }
    state.hashTables.origin = { (try? tables.hashTables.record($0))?.pointee }
    state.localities.origin = { tables.localities.find($0) }
    state.localRanges.origin = { tables.localRanges[Int($0)].pointee }
    state.exchanges.origin = { (try? tables.exchanges.record($0))?.pointee }
    state.devices.origin = { tables.devices.find($0, svs_device()) }
    let routing = KernelRouting()
    state.router = { routing.answer(&$0) }
    return SimulatedDirector(rules: try Director(simulatedIn: state), state: state)
  }
}

/// The two maps of flows, open.
private final class FlowMaps {
  private let four: BPFMap
  private let six: BPFMap

  init(_ four: consuming BPFMap, _ six: consuming BPFMap) {
    self.four = four
    self.six = six
  }

  func find(_ key: svs_flow_key) -> svs_flow_ref? {
    let none = svs_flow_ref(bits: 0)
    guard key.family == Family.ipv4 else { return six.find(key, none) }
    return four.find(svs_flow4_key(src: key.src.w0, dst: key.dst.w0, ports: key.ports, kind: key.kind), none)
  }
}

/// Answers the packet path's questions from the kernel's routing and neighbour tables, by netlink.
private final class KernelRouting {
  private var neighbours: [Neighbour]?

  func answer(_ query: inout RouteQuery) {
    let destination = query.destination.address(query.family)
    query.outcome = .unreachable
    let answer: RouteAnswer
    do {
      answer = try NetlinkSocket().route(to: destination)
    } catch {
      // As bpf_fib_lookup has it: no route is the same as an own address.
      if error.code == ENETUNREACH { query.outcome = .notForwarded }
      return
    }
    guard answer.kind == .unicast, let interface = answer.interfaceIndex else {
      if answer.kind == .local || answer.kind == .broadcast { query.outcome = .notForwarded }
      return
    }
    let nextHop = answer.gateway ?? destination
    query.ifindex = interface
    query.nextHop = svs_addr(nextHop)
    query.nextHopFamily = nextHop.family.rawValue
    query.outcome = .unresolved
    if neighbours == nil { neighbours = try? NetlinkSocket().neighbours() }
    let neighbour = neighbours?.first {
      $0.interfaceIndex == interface && $0.address == nextHop && !$0.state.isDisjoint(with: .valid)
    }
    guard neighbour != nil else { return }
    query.outcome = .resolved
    query.mtu = UInt16(clamping: answer.mtu ?? 0)
  }
}
