import DataplaneTypes
import Kernel

/// The sweep in the kernel: one timer that re-arms itself, and looks at as many slots as fit in 0.4 ms.
///
/// It lives as long as its map is pinned and needs no process. 20 ms between slices make 0.5 s for a full round of
/// a million slots, at 2 % of one CPU.
@inline(__always) private func slice(_ sweep: UnsafeMutablePointer<svs_sweep>) -> Int32 {
  let platform = XDPPlatform(context: noContext())
  guard let config = platform.configuration.find(0), let runtime = platform.runtime.find(0) else { return 0 }
  let start = bpf_ktime_get_ns()
  sweep.pointee.tick = ConnectionTable<XDPPlatform>.tick(start)
  sweep.pointee.end_ns = start &+ 400_000
  sweep.pointee.seen = 0
  sweep.pointee.limit = UInt64(min(runtime.pointee.fresh, config.pointee.connection_capacity))
  if sweep.pointee.cursor >= sweep.pointee.limit { sweep.pointee.cursor = 0 }
  let step: @convention(c) (UInt32, UnsafeMutableRawPointer) -> Int = { i, p in
    let sweep = p.assumingMemoryBound(to: UnsafeMutablePointer<svs_sweep>.self).pointee
    let slot = sweep.pointee.cursor &+ UInt64(i)
    if slot >= sweep.pointee.limit { return 1 }
    sweep.pointee.seen &+= 1
    let platform = XDPPlatform(context: noContext())
    guard let config = platform.configuration.find(0) else { return 1 }
    if Sweep(platform).visit(UInt32(truncatingIfNeeded: slot), config, now: sweep.pointee.tick) {
      sweep.pointee.ended &+= 1
      return bpf_ktime_get_ns() > sweep.pointee.end_ns ? 1 : 0
    }
    if i & 255 == 255, bpf_ktime_get_ns() > sweep.pointee.end_ns { return 1 }
    return 0
  }
  var state = sweep
  withUnsafeMutablePointer(to: &state) {
    _ = bpf_loop(65536, unsafeBitCast(step, to: UnsafeMutableRawPointer.self), $0, 0)
  }
  sweep.pointee.cursor &+= sweep.pointee.seen
  _ = bpf_timer_start(
    sweep.pointer(to: \.timer).unsafelyUnwrapped, UInt64(config.pointee.sweep_period_us) &* 1000, 0)
  return 0
}

/// The sweep has no frame: none of what it calls looks at the context.
@inline(__always) private func noContext() -> UnsafeMutablePointer<xdp_md> {
  UnsafeMutablePointer(bitPattern: 8).unsafelyUnwrapped
}

@c(svs_swift_arm)
public func arm(_ context: UnsafeMutablePointer<xdp_md>) -> Int32 {
  let zero: UInt32 = 0
  guard let value = withUnsafePointer(to: zero, { bpf_map_lookup_elem(&svs_sweep_map, $0) }) else { return 1 }
  let sweep = value.assumingMemoryBound(to: svs_sweep.self)
  let timer = sweep.pointer(to: \.timer).unsafelyUnwrapped
  let callback:
    @convention(c) (UnsafeMutableRawPointer, UnsafeMutablePointer<UInt32>, UnsafeMutablePointer<svs_sweep>) -> Int32 =
      { _, _, sweep in slice(sweep) }
  // CLOCK_MONOTONIC; busy means that an earlier object initialised it, and its callback is replaced next.
  _ = bpf_timer_init(timer, &svs_sweep_map, 1)
  _ = bpf_timer_set_callback(timer, unsafeBitCast(callback, to: UnsafeMutableRawPointer.self))
  let result = bpf_timer_start(timer, 1_000_000, 0)
  sweep.pointee.armed = result == 0 ? 1 : 0
  return result == 0 ? 2 : 1
}
