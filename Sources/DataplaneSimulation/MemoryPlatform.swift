import Dataplane
import DataplaneTypes

/// The packet path's platform in memory: for tests, fuzzing and simulation.
public struct MemoryPlatform: Platform {
  /// What outlives a packet.
  public final class State {
    public let flows: MemoryHash<svs_flow_key, svs_flow_ref>
    public let services = MemoryHash<svs_service_key, UInt32>(capacity: 65_536)
    public let devices = MemoryHash<UInt32, svs_device>(capacity: 4096)
    public let connections: MemoryPool<svs_connection>
    public let serviceRecords = MemoryPool<svs_service>(capacity: 1 << 20)
    public let servers = MemoryPool<svs_server>(capacity: 1 << 20)
    public let hashTables = MemoryPool<svs_table>(capacity: 1 << 16)
    public let localities = MemoryHash<svs_locality_key, svs_locality>(capacity: Int(SVS_LOCALITIES))
    public let fragments = MemoryHash<svs_flow_key, svs_fragments>(capacity: Int(SVS_FRAGMENTS))
    public let exchanges: MemoryPool<svs_exchange>
    public let localRanges = MemoryPool<svs_local_range>(capacity: Int(SVS_LOCAL_RANGES))
    public let rememberedWays = MemoryPool<svs_way>(capacity: Int(SVS_WAYS))
    public let serverCounters = MemoryPool<svs_counters>(capacity: 1 << 20)
    public let events = MemoryPool<svs_drop>(capacity: Int(SVS_DROPS))
    public let workbench = MemoryPool<svs_workbench>(capacity: 1)
    public let allowances = MemoryPool<svs_allowance>(capacity: Int(SVS_ALLOWANCES))
    public let configuration = MemoryPool<svs_config>(capacity: 1)
    public let runtime = MemoryPool<svs_runtime>(capacity: 1)
    public var freeSlots: [UInt32] = []
    /// Nanoseconds since boot: stands still until somebody moves it.
    public var clock: UInt64 = 1 << 40
    public var routes: [MemoryRoute] = []
    /// Answers in place of `routes`.
    public var router: ((inout RouteQuery) -> Void)?
    /// Is told of every server that a scheduler compares by its load: the server's number, and the load.
    public var comparing: ((UInt32, UInt64) -> Void)?

    /// - Parameter capacity: connections the table holds.
    public init(capacity: UInt32 = 65_536) {
      flows = MemoryHash(capacity: Int(capacity) * 2)
      // Behind them is room for connections of one packet, and for the spare slots of a copied table.
      connections = MemoryPool(capacity: Int(capacity) + MemoryPlatform.spareSlots)
      exchanges = MemoryPool(capacity: Int(capacity) + MemoryPlatform.spareSlots)
      guard let config = configuration.find(0) else { return }
      config.pointee.layout_version = UInt32(SVS_LAYOUT_VERSION)
      config.pointee.connection_capacity = capacity
      config.pointee.conn_reuse_mode = 1
      config.pointee.fragment_lifetime = FragmentLifetime.ticks
      config.pointee.lblc_expiration = UInt32(24 * 3600 * 1_000_000_000 >> UInt64(SVS_TICK_SHIFT))
      config.pointee.lblcr_expiration = config.pointee.lblc_expiration
      for number in UInt8(0)..<16 {
        withUnsafeMutableBytes(of: &config.pointee.timeout) {
          let ticks = UInt32((UInt64(Dataplane.State.defaultTimeout(number)) * 1_000_000_000) >> UInt64(SVS_TICK_SHIFT))
          $0.storeBytes(of: ticks, toByteOffset: Int(number) * 4, as: UInt32.self)
        }
      }
    }
  }

  public static var spareSlots: Int { 16 }

  public let state: State
  public let ingress: UInt32

  /// - Parameter ingress: the interface that the frame comes in by.
  public init(_ state: State, ingress: UInt32 = 1) {
    self.state = state
    self.ingress = ingress
  }

  public var flows: MemoryHash<svs_flow_key, svs_flow_ref> { state.flows }
  public var services: MemoryHash<svs_service_key, UInt32> { state.services }
  public var devices: MemoryHash<UInt32, svs_device> { state.devices }
  public var connections: MemoryPool<svs_connection> { state.connections }
  public var serviceRecords: MemoryPool<svs_service> { state.serviceRecords }
  public var servers: MemoryPool<svs_server> { state.servers }
  public var hashTables: MemoryPool<svs_table> { state.hashTables }
  public var localities: MemoryHash<svs_locality_key, svs_locality> { state.localities }
  public var fragments: MemoryHash<svs_flow_key, svs_fragments> { state.fragments }
  public var exchanges: MemoryPool<svs_exchange> { state.exchanges }
  public var localRanges: MemoryPool<svs_local_range> { state.localRanges }
  public var rememberedWays: MemoryPool<svs_way> { state.rememberedWays }
  public var serverCounters: MemoryPool<svs_counters> { state.serverCounters }
  public var events: MemoryPool<svs_drop> { state.events }
  public var allowances: MemoryPool<svs_allowance> { state.allowances }
  public var configuration: MemoryPool<svs_config> { state.configuration }
  public var runtime: MemoryPool<svs_runtime> { state.runtime }

  public var cpu: UInt32 { 0 }

  public func now() -> UInt64 { state.clock }

  public func takeSlot(_ slot: inout UInt32) -> Bool {
    guard let free = state.freeSlots.popLast() else { return false }
    slot = free
    return true
  }

  public func giveSlot(_ slot: UInt32) { state.freeSlots.append(slot) }

  public func route(_ query: inout RouteQuery) {
    if let router = state.router { return router(&query) }
    guard let route = state.routes.last(where: { $0.matches(query) }) else { return }
    route.answer(&query)
  }

  public func isReachable(_ flow: UnsafePointer<svs_flow_key>, mark: UInt32) -> Bool { true }

  public func redirect(_ ifindex: UInt32) -> Verdict { .redirect }

  /// Frames are handed in with room before them, as drivers leave it.
  public func moveStart(_ packet: inout Packet, by bytes: Int32) -> Bool {
    let start = packet.start + Int(bytes)
    // An Ethernet header must remain, as the kernel's helper demands.
    if start + 14 > packet.end { return false }
    packet.start = start
    return true
  }

  public func moveEnd(_ packet: inout Packet, by bytes: Int32) -> Bool {
    let end = packet.end + Int(bytes)
    if packet.start + 14 > end { return false }
    packet.end = end
    return true
  }

  public func sum(_ packet: Packet, from offset: Int, length: Int, into sum: inout UInt64) -> Bool {
    guard length <= 4096, offset + length <= packet.count else { return false }
    let bytes = UnsafeRawBufferPointer(start: packet.start + offset, count: length)
    var position = 0
    while position + 1 < length {
      sum &+= UInt64(bytes.loadUnaligned(fromByteOffset: position, as: UInt16.self))
      position += 2
    }
    // RFC 1071: an odd last byte is the first of a word.
    if position < length { sum &+= UInt64(UInt16(bytes[position]).littleEndian) }
    return true
  }

  public func callID(_ packet: Packet, from offset: Int, length: Int, into hash: inout svs_addr) -> Bool {
    guard offset + length <= packet.count else { return false }
    var scanner = CallIDScanner()
    for byte in UnsafeRawBufferPointer(start: packet.start + offset, count: length).prefix(2048) {
      if !scanner.step(byte) { break }
    }
    return scanner.result(&hash)
  }

  public func move(_ reference: FlowReference, _ flags: TCPFlags, now tick: UInt32) -> Bool {
    ConnectionTable(self).move(reference, flags, now: tick)
  }

  public func changeOfCRC32C(_ difference: UInt32, length: UInt32) -> UInt32 {
    CRC32C.change(difference, length: length)
  }

  public var workbench: UnsafeMutablePointer<svs_workbench>? { state.workbench.find(0) }

  public func load(
    _ packet: Packet, from offset: Int, length: UInt32, into memory: UnsafeMutableRawPointer
  ) -> Bool {
    guard (1...64).contains(length), offset + Int(length) <= packet.count else { return false }
    memory.copyMemory(from: packet.start + offset, byteCount: Int(length))
    return true
  }

  public func store(_ packet: Packet, at offset: Int, length: UInt32, from memory: UnsafeMutableRawPointer) -> Bool {
    guard (1...128).contains(length), offset + Int(length) <= packet.count else { return false }
    (packet.start + offset).copyMemory(from: memory, byteCount: Int(length))
    return true
  }

  public func copyToStart(_ packet: Packet, from offset: UInt32, length: UInt32) -> Bool {
    guard (1...256).contains(length), Int(offset + length) <= packet.count else { return false }
    packet.start.copyMemory(from: packet.start + Int(offset), byteCount: Int(length))
    return true
  }

  public func addDifference(_ bench: UnsafeMutablePointer<svs_workbench>, into sum: inout UInt64) {
    var change = Checksum()
    let words = UnsafeMutableRawPointer(bench).assumingMemoryBound(to: UInt32.self)
    for index in 0..<16 { change.replace(words[index], by: words[index + 16]) }
    sum &+= change.sum
  }

  public func writeGreeting(_ slot: UInt32) -> Bool { PacketPath(self).writeGreeting(slot) }

  public func append(_ value: UInt32, base: UInt32, before separator: UInt32) {
    if let workbench { ProxyHeader.append(workbench, value, base: base, before: separator) }
  }

  public func walk(_ bench: UnsafeMutablePointer<svs_workbench>) {
    var steps: UInt32 = 0
    while steps < OptionWalk.steps, OptionWalk.step(bench) { steps += 1 }
  }

  public func remember(_ key: svs_locality_key, _ tag: UInt32, at tick: UInt32) {
    var first = svs_locality()
    (first.used, first.modified, first.count) = (tick, tick, 1)
    first.servers.0 = tag
    _ = localities.replace(key, first)
  }

  public func run(_ walk: inout ServerWalk<MemoryPlatform>, atMost limit: UInt32) {
    withUnsafeMutablePointer(to: &walk) {
      var steps: UInt32 = 0
      while steps < limit, ServerWalk.step($0) { steps += 1 }
    }
  }

  public func run(_ lease: inout Lease<MemoryPlatform>, atMost limit: UInt32) {
    withUnsafeMutablePointer(to: &lease) {
      var steps: UInt32 = 0
      while steps < limit, Lease.step($0) { steps += 1 }
    }
  }

  public func run<L: Load>(_ walk: inout LeastLoad, by load: L.Type, atMost servers: UInt32) {
    if let comparing = state.comparing {
      var next = walk.next
      while next != 0, let server = state.servers.find(next &- 1) {
        if server.pointee.weight > 0, server.pointee.overloaded == 0 { comparing(next &- 1, L.load(server)) }
        next = server.pointee.next
      }
    }
    withUnsafeMutablePointer(to: &walk) {
      var seen: UInt32 = 0
      while seen < servers, LeastLoad.step($0, self, by: load) { seen += LeastLoad.stride }
    }
  }
}

extension MemoryPlatform {
  /// Ends what has expired, all of it at once.
  public func sweep() {
    let tick = ConnectionTable<MemoryPlatform>.tick(state.clock)
    guard let config = state.configuration.find(0), let runtime = state.runtime.find(0) else { return }
    let used = min(runtime.pointee.fresh, config.pointee.connection_capacity)
    for slot in 0..<used { _ = Sweep(self).visit(slot, config, now: tick) }
  }
}
