import DataplaneTypes
import Kernel

/// One byte of a SIP message at a time: only what opens a connection is looked through.
private struct CallIDStep {
  let context: UnsafeMutablePointer<xdp_md>
  var offset: UInt32
  var left: UInt32
  var scanner: CallIDScanner

  @inline(__always) mutating func step() -> Bool {
    if left == 0 { return false }
    var byte: UInt8 = 0
    guard withUnsafeMutablePointer(to: &byte, { bpf_xdp_load_bytes(context, offset, $0, 1) }) == 0 else { return false }
    offset &+= 1
    left &-= 1
    return scanner.step(byte)
  }
}

extension XDPPlatform {
  @inline(__always) func callID(_ packet: Packet, from offset: Int, length: Int, into hash: inout svs_addr) -> Bool {
    var state = CallIDStep(
      context: context, offset: UInt32(truncatingIfNeeded: offset), left: UInt32(truncatingIfNeeded: length),
      scanner: CallIDScanner())
    withUnsafeMutablePointer(to: &state) { p in
      let step: @convention(c) (UInt32, UnsafeMutableRawPointer) -> Int = { _, p in
        p.assumingMemoryBound(to: CallIDStep.self).pointee.step() ? 0 : 1
      }
      _ = bpf_loop(2048, unsafeBitCast(step, to: UnsafeMutableRawPointer.self), p, 0)
    }
    return state.scanner.result(&hash)
  }
}
