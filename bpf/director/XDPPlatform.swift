import DataplaneTypes
import Kernel

/// The packet path's platform in the kernel: maps and helpers.
struct XDPPlatform: Platform {
  let context: UnsafeMutablePointer<xdp_md>

  var flows: KernelFlows { KernelFlows() }
  var services: KernelHash<svs_service_key, UInt32> { KernelHash(map: &svs_services) }
  var devices: KernelHash<UInt32, svs_device> { KernelHash(map: &svs_devices) }
  var connections: KernelArray<svs_connection> { KernelArray(map: &svs_connections) }
  var serviceRecords: KernelPool<svs_service> { KernelPool(map: &svs_service_pool) }
  var servers: KernelPool<svs_server> { KernelPool(map: &svs_server_pool) }
  var hashTables: KernelPool<svs_table> {
    KernelPool(map: &svs_table_pool, shift: UInt32(SVS_TABLE_CHUNK_SHIFT))
  }
  var localities: KernelNestedHash<svs_locality_key, svs_locality> { KernelNestedHash(map: &svs_locality_pool) }
  var fragments: KernelHash<svs_flow_key, svs_fragments> { KernelHash(map: &svs_fragment_map) }
  var exchanges: KernelPool<svs_exchange> {
    KernelPool(map: &svs_exchange_pool, shift: UInt32(SVS_EXCHANGE_CHUNK_SHIFT))
  }
  var localRanges: KernelArray<svs_local_range> { KernelArray(map: &svs_local_ranges) }
  var rememberedWays: KernelArray<svs_way> { KernelArray(map: &svs_way_map) }
  var serverCounters: KernelPool<svs_counters> { KernelPool(map: &svs_server_counters) }
  var events: KernelArray<svs_drop> { KernelArray(map: &svs_events) }
  var allowances: KernelArray<svs_allowance> { KernelArray(map: &svs_allowance_map) }
  var configuration: KernelArray<svs_config> { KernelArray(map: &svs_config_map) }
  var runtime: KernelArray<svs_runtime> { KernelArray(map: &svs_runtime_map) }

  var ingress: UInt32 { context.pointee.ingress_ifindex }
  var cpu: UInt32 { bpf_get_smp_processor_id() }

  @inline(__always) func now() -> UInt64 { bpf_ktime_get_coarse_ns() }

  @inline(__always) func takeSlot(_ slot: inout UInt32) -> Bool {
    withUnsafeMutablePointer(to: &slot) { Int32(truncatingIfNeeded: bpf_map_pop_elem(&svs_free_slots, $0)) == 0 }
  }

  @inline(__always) func giveSlot(_ slot: UInt32) {
    withUnsafePointer(to: slot) { _ = bpf_map_push_elem(&svs_free_slots, $0, 0) }
  }

  @inline(__always) func redirect(_ ifindex: UInt32) -> Verdict {
    bpf_redirect(ifindex, 0) == Int(XDP_REDIRECT.rawValue) ? .redirect : .aborted
  }

  @inline(__always) func moveStart(_ packet: inout Packet, by bytes: Int32) -> Bool {
    guard bpf_xdp_adjust_head(context, bytes) == 0 else { return false }
    packet = Packet(context)
    return true
  }

  @inline(__always) func moveEnd(_ packet: inout Packet, by bytes: Int32) -> Bool {
    if bytes != 0, bpf_xdp_adjust_tail(context, bytes) != 0 { return false }
    packet = Packet(context)
    return true
  }

  @inline(__always) func move(_ reference: FlowReference, _ flags: TCPFlags, now tick: UInt32) -> Bool {
    svs_move(context, reference.slot, UInt32(truncatingIfNeeded: reference.bits), UInt32(flags.rawValue), tick) != 0
  }

  @inline(__always) func changeOfCRC32C(_ difference: UInt32, length: UInt32) -> UInt32 {
    CRC32C.change(difference, length: length) { UInt32(bitPattern: svs_multiply(context, $0, $1)) }
  }

  @inline(__always) func remember(_ key: svs_locality_key, _ tag: UInt32, at tick: UInt32) {
    // Too large for the stack. Places beyond the first are 0 here and in the table.
    let index: UInt32 = 3
    guard let memory = withUnsafePointer(to: index, { bpf_map_lookup_elem(&svs_scratch, $0) }) else { return }
    let first = memory.assumingMemoryBound(to: svs_locality.self)
    first.pointee.used = tick
    first.pointee.modified = tick
    first.pointee.count = 1
    first.pointee.servers.0 = tag
    localities.replace(key, at: first)
  }

  @inline(__always) func run(_ walk: inout ServerWalk<XDPPlatform>, atMost limit: UInt32) {
    guard let memory = walkMemory() else { return }
    memory.pointee = walk
    _ = svs_walk(context, limit)
    // Only what a scheduler asks for comes back: the context has become a mere number in that memory.
    let done = svs_opaque(memory).assumingMemoryBound(to: ServerWalk<XDPPlatform>.self)
    walk.best = done.pointee.best
    walk.level = done.pointee.level
    walk.place = done.pointee.place
  }

  @inline(__always) func run(_ lease: inout Lease<XDPPlatform>, atMost limit: UInt32) {
    guard var memory = leaseMemory() else { return }
    memory.pointee = lease
    withUnsafeMutablePointer(to: &memory) { p in
      let step: @convention(c) (UInt32, UnsafeMutableRawPointer) -> Int = { _, p in
        Lease.step(p.assumingMemoryBound(to: UnsafeMutablePointer<Lease<XDPPlatform>>.self).pointee) ? 0 : 1
      }
      _ = bpf_loop(limit, unsafeBitCast(step, to: UnsafeMutableRawPointer.self), p, 0)
    }
    // As above.
    let done = svs_opaque(memory).assumingMemoryBound(to: Lease<XDPPlatform>.self)
    lease.key.dst = done.pointee.key.dst
    lease.key.ports = done.pointee.key.ports
    lease.range = done.pointee.range
    lease.outcome = done.pointee.outcome
  }

  @inline(__always) func run<L: Load>(_ walk: inout LeastLoad, by load: L.Type, atMost servers: UInt32) {
    guard let memory = leastLoadMemory() else { return }
    memory.pointee = walk
    _ = svs_least_load(context, servers, L.kind)
    walk = svs_opaque(memory).assumingMemoryBound(to: LeastLoad.self).pointee
  }
}

/// The walk of this CPU, in memory that the loop's body can reach.
@inline(__always) private func walkMemory() -> UnsafeMutablePointer<ServerWalk<XDPPlatform>>? {
  let index: UInt32 = 2
  return withUnsafePointer(to: index) {
    bpf_map_lookup_elem(&svs_scratch, $0)?.assumingMemoryBound(to: ServerWalk<XDPPlatform>.self)
  }
}

/// The loop along the servers, one function for all schedulers: the verifier checks its body once.
@c(svs_swift_walk)
public func walk(_ context: UnsafeMutablePointer<xdp_md>, _ limit: UInt32) -> Int32 {
  guard var memory = walkMemory() else { return 0 }
  withUnsafeMutablePointer(to: &memory) { p in
    let step: @convention(c) (UInt32, UnsafeMutableRawPointer) -> Int = { _, p in
      ServerWalk.step(p.assumingMemoryBound(to: UnsafeMutablePointer<ServerWalk<XDPPlatform>>.self).pointee) ? 0 : 1
    }
    _ = bpf_loop(limit, unsafeBitCast(step, to: UnsafeMutableRawPointer.self), p, 0)
  }
  return 1
}

@inline(__always) private func leaseMemory() -> UnsafeMutablePointer<Lease<XDPPlatform>>? {
  let index: UInt32 = 2
  return withUnsafePointer(to: index) {
    bpf_map_lookup_elem(&svs_scratch, $0)?.assumingMemoryBound(to: Lease<XDPPlatform>.self)
  }
}

extension Packet {
  @inline(__always) init(_ c: UnsafeMutablePointer<xdp_md>) {
    self.init(
      start: UnsafeMutableRawPointer(bitPattern: UInt(c.pointee.data)).unsafelyUnwrapped,
      end: UnsafeMutableRawPointer(bitPattern: UInt(c.pointee.data_end)).unsafelyUnwrapped)
  }
}
