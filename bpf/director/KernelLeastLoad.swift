import DataplaneTypes
import Kernel

/// The look along the list of this CPU, in memory that the loops' bodies can reach: the walk's, since no scheduler does
/// both at once.
@inline(__always) func leastLoadMemory() -> UnsafeMutablePointer<LeastLoad>? {
  let index: UInt32 = 2
  return withUnsafePointer(to: index) {
    bpf_map_lookup_elem(&svs_scratch, $0)?.assumingMemoryBound(to: LeastLoad.self)
  }
}

private typealias Body = @convention(c) (UInt32, UnsafeMutableRawPointer) -> Int

@inline(__always) private func look<L: Load>(_ memory: UnsafeMutableRawPointer, by load: L.Type) -> Int {
  let state = memory.assumingMemoryBound(to: UnsafeMutablePointer<LeastLoad>.self).pointee
  // No server's record is found by the context.
  let platform = XDPPlatform(context: UnsafeMutablePointer(bitPattern: 8).unsafelyUnwrapped)
  return LeastLoad.step(state, platform, by: load) ? 0 : 1
}

/// The looks for the least loaded server, a loop for each kind of load: one function, so that the verifier checks each
/// body once.
@c(svs_swift_least_load)
public func leastLoad(_ context: UnsafeMutablePointer<xdp_md>, _ servers: UInt32, _ kind: UInt32) -> Int32 {
  guard var memory = leastLoadMemory() else { return 0 }
  let connections: Body = { _, p in look(p, by: Loads.Connections.self) }
  let weighted: Body = { _, p in look(p, by: Loads.WeightedConnections.self) }
  let locality: Body = { _, p in look(p, by: Loads.Locality.self) }
  let delay: Body = { _, p in look(p, by: Loads.ExpectedDelay.self) }
  let idle: Body = { _, p in look(p, by: Loads.IdleOrExpectedDelay.self) }
  let rounds = (servers &+ LeastLoad.stride &- 1) / LeastLoad.stride
  withUnsafeMutablePointer(to: &memory) { p in
    switch kind {
    case Loads.Connections.kind:
      _ = bpf_loop(rounds, unsafeBitCast(connections, to: UnsafeMutableRawPointer.self), p, 0)
    case Loads.WeightedConnections.kind:
      _ = bpf_loop(rounds, unsafeBitCast(weighted, to: UnsafeMutableRawPointer.self), p, 0)
    case Loads.Locality.kind: _ = bpf_loop(rounds, unsafeBitCast(locality, to: UnsafeMutableRawPointer.self), p, 0)
    case Loads.ExpectedDelay.kind: _ = bpf_loop(rounds, unsafeBitCast(delay, to: UnsafeMutableRawPointer.self), p, 0)
    default: _ = bpf_loop(rounds, unsafeBitCast(idle, to: UnsafeMutableRawPointer.self), p, 0)
    }
  }
  return 1
}
