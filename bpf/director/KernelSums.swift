import DataplaneTypes
import Kernel

/// One step of a sum over packet data: 512 bytes, the helper's limit, by way of the scratch buffer.
private struct SumStep {
  let context: UnsafeMutablePointer<xdp_md>
  var offset: UInt32
  var left: UInt32
  var sum: UInt64
  var failed: UInt64

  @inline(__always) mutating func step() -> Bool {
    if left == 0 { return false }
    failed = 1
    let zero: UInt32 = 0
    guard let scratch = withUnsafePointer(to: zero, { bpf_map_lookup_elem(&svs_scratch, $0) }) else { return false }
    // Through memory, so that the compiler keeps a form from which Linux 6.1's verifier sees 1 to 512.
    let spare = scratch + 1016
    spare.assumingMemoryBound(to: UInt64.self).pointee = UInt64(left < 512 ? left : 512)
    let size = ((svs_opaque(spare).assumingMemoryBound(to: UInt64.self).pointee &- 1) & 511) &+ 1
    if size & 3 != 0 {
      // The helper sums whole words: what it reads beyond the data must be zero.
      (scratch + Int(size & 508)).assumingMemoryBound(to: UInt32.self).pointee = 0
    }
    guard bpf_xdp_load_bytes(context, offset, scratch, UInt32(truncatingIfNeeded: size)) == 0 else { return false }
    let words = UInt32(truncatingIfNeeded: (size &+ 3) & 1020)
    let part = bpf_csum_diff(nil, 0, scratch.assumingMemoryBound(to: UInt32.self), words, 0)
    if part < 0 { return false }
    sum &+= UInt64(part) & 0xffff_ffff
    offset &+= UInt32(truncatingIfNeeded: size)
    left &-= UInt32(truncatingIfNeeded: size)
    failed = 0
    return left != 0
  }
}

extension XDPPlatform {
  @inline(__always) func sum(_ packet: Packet, from offset: Int, length: Int, into sum: inout UInt64) -> Bool {
    if length > 4096 { return false }
    let part = svs_sum(context, UInt32(truncatingIfNeeded: offset), UInt32(truncatingIfNeeded: length))
    sum &+= UInt64(UInt32(bitPattern: part))
    return part >= 0
  }

  /// The folded sum, or -1: in a function of its own, since few packets need it and many paths lead to it.
  @inline(__always) func sumOfData(from offset: UInt32, length: UInt32) -> Int32 {
    var state = SumStep(context: context, offset: offset, left: length, sum: 0, failed: 0)
    withUnsafeMutablePointer(to: &state) { p in
      let step: @convention(c) (UInt32, UnsafeMutableRawPointer) -> Int = { _, p in
        p.assumingMemoryBound(to: SumStep.self).pointee.step() ? 0 : 1
      }
      _ = bpf_loop(9, unsafeBitCast(step, to: UnsafeMutableRawPointer.self), p, 0)
    }
    if state.failed != 0 || state.left != 0 { return -1 }
    var whole = Checksum()
    whole.sum = state.sum
    return Int32(whole.folded)
  }
}
