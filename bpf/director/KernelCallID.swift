import DataplaneTypes
import Kernel

/// One byte of a SIP message at a time: only what opens a connection is looked through.
///
/// The scanner lives in memory that the verifier knows nothing of: on the stack it would follow every state it can be in.
private struct CallIDStep {
  let context: UnsafeMutablePointer<xdp_md>
  let scanner: UnsafeMutablePointer<CallIDScanner>
  var offset: UInt32
  var left: UInt32

  @inline(__always) mutating func step() -> Bool {
    if left == 0 { return false }
    var byte: UInt8 = 0
    guard withUnsafeMutablePointer(to: &byte, { bpf_xdp_load_bytes(context, offset, $0, 1) }) == 0 else { return false }
    offset &+= 1
    left &-= 1
    let memory = svs_opaque(scanner).assumingMemoryBound(to: CallIDScanner.self)
    return memory.pointee.step(byte)
  }
}

extension XDPPlatform {
  @inline(__always) func callID(_ packet: Packet, from offset: Int, length: Int, into hash: inout svs_addr) -> Bool {
    let index: UInt32 = 4
    guard
      let scanner = withUnsafePointer(
        to: index, { bpf_map_lookup_elem(&svs_scratch, $0)?.assumingMemoryBound(to: CallIDScanner.self) })
    else { return false }
    scanner.pointee = CallIDScanner()
    var state = CallIDStep(
      context: context, scanner: scanner, offset: UInt32(truncatingIfNeeded: offset),
      left: UInt32(truncatingIfNeeded: length))
    withUnsafeMutablePointer(to: &state) { p in
      let step: @convention(c) (UInt32, UnsafeMutableRawPointer) -> Int = { _, p in
        p.assumingMemoryBound(to: CallIDStep.self).pointee.step() ? 0 : 1
      }
      _ = bpf_loop(2048, unsafeBitCast(step, to: UnsafeMutableRawPointer.self), p, 0)
    }
    return svs_opaque(scanner).assumingMemoryBound(to: CallIDScanner.self).pointee.result(&hash)
  }
}
