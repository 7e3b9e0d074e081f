import DataplaneTypes
import Kernel

/// The bench of this CPU, and how bytes come there from the packet and go back.
extension XDPPlatform {
  @inline(__always) var workbench: UnsafeMutablePointer<svs_workbench>? {
    let index: UInt32 = 5
    return withUnsafePointer(to: index) {
      bpf_map_lookup_elem(&svs_scratch, $0)?.assumingMemoryBound(to: svs_workbench.self)
    }
  }

  /// A length from 1 on that the verifier sees to be in bounds, on Linux 6.1 too: by way of memory, since the compiler
  /// would merge the mask with what it knows.
  @inline(__always) private func bounded(
    _ length: UInt32, by mask: UInt64, _ bench: UnsafeMutablePointer<svs_workbench>
  ) -> UInt32 {
    bench.pointee.size = UInt64(length)
    let size = svs_opaque(bench).assumingMemoryBound(to: svs_workbench.self).pointee.size
    return UInt32(truncatingIfNeeded: ((size &- 1) & mask) &+ 1)
  }

  @inline(__always) func load(
    _ packet: Packet, from offset: Int, length: UInt32, into memory: UnsafeMutableRawPointer
  ) -> Bool {
    guard let bench = workbench else { return false }
    let size = bounded(length, by: 63, bench)
    return Int32(
      truncatingIfNeeded: bpf_xdp_load_bytes(context, UInt32(truncatingIfNeeded: offset), memory, size)) == 0
  }

  @inline(__always) func store(
    _ packet: Packet, at offset: Int, length: UInt32, from memory: UnsafeMutableRawPointer
  ) -> Bool {
    guard let bench = workbench else { return false }
    let size = bounded(length, by: 127, bench)
    return Int32(
      truncatingIfNeeded: bpf_xdp_store_bytes(context, UInt32(truncatingIfNeeded: offset), memory, size)) == 0
  }

  @inline(__always) func copyToStart(_ packet: Packet, from offset: UInt32, length: UInt32) -> Bool {
    guard let bench = workbench else { return false }
    let size = bounded(length, by: 255, bench)
    let headers = UnsafeMutableRawPointer(bench.pointer(to: \.headers).unsafelyUnwrapped)
    guard Int32(truncatingIfNeeded: bpf_xdp_load_bytes(context, offset, headers, size)) == 0 else { return false }
    return Int32(truncatingIfNeeded: bpf_xdp_store_bytes(context, 0, headers, size)) == 0
  }

  @inline(__always) func addDifference(_ bench: UnsafeMutablePointer<svs_workbench>, into sum: inout UInt64) {
    let before = UnsafeMutableRawPointer(bench).assumingMemoryBound(to: UInt32.self)
    let change = bpf_csum_diff(before, 64, before + 16, 64, 0)
    sum &+= UInt64(bitPattern: Int64(change)) & 0xffff_ffff
  }

  @inline(__always) func writeGreeting(_ slot: UInt32) -> Bool { svs_greeting(context, slot) != 0 }

  @inline(__always) func append(_ value: UInt32, base: UInt32, before separator: UInt32) {
    _ = svs_append(context, value, base, separator)
  }

  @inline(__always) func walk(_ bench: UnsafeMutablePointer<svs_workbench>) {
    var memory = bench
    withUnsafeMutablePointer(to: &memory) { p in
      let step: @convention(c) (UInt32, UnsafeMutableRawPointer) -> Int = { _, p in
        OptionWalk.step(p.assumingMemoryBound(to: UnsafeMutablePointer<svs_workbench>.self).pointee) ? 0 : 1
      }
      _ = bpf_loop(OptionWalk.steps, unsafeBitCast(step, to: UnsafeMutableRawPointer.self), p, 0)
    }
  }
}
