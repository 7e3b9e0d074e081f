import DataplaneTypes
import Kernel

/// The options of a later fragment's header (RFC 791, section 3.1): those that are to be copied stay, and the others give
/// way to no-operations, so that all fragments' headers are of one length.
///
/// They are kept aside in the scratch buffer while the packet's earlier bytes are taken out behind the header's first 20.
struct FragmentOptions {
  /// Of four bytes each, at most 10.
  let words: UInt32

  @inline(__always) init(words: UInt32) { self.words = words }

  /// Reads them, and blanks those that are not copied.
  @inline(__always) func read(_ packet: Packet) -> Bool {
    if words == 0 { return true }
    guard let memory = Self.memory else { return false }
    let old = memory.assumingMemoryBound(to: UInt32.self)
    for i in 0..<10 where UInt32(i) < words {
      guard let word = packet.at(34 + 4 * i, UInt32.self) else { return false }
      old[i] = word.pointee
      old[i + 16] = word.pointee
    }
    memory.scan.pointee = OptionScan(end: words &* 4)
    var context = memory
    withUnsafeMutablePointer(to: &context) { p in
      let step: @convention(c) (UInt32, UnsafeMutableRawPointer) -> Int = { _, p in
        p.assumingMemoryBound(to: UnsafeMutableRawPointer.self).pointee.blankOption() ? 0 : 1
      }
      _ = bpf_loop(40, unsafeBitCast(step, to: UnsafeMutableRawPointer.self), p, 0)
    }
    return true
  }

  /// Writes them back, and what that changes of the header's sum into `change`.
  @inline(__always) func write(_ packet: Packet, _ change: inout Checksum) -> Bool {
    if words == 0 { return true }
    guard let memory = Self.memory else { return false }
    let old = svs_opaque(memory).assumingMemoryBound(to: UInt32.self)
    for i in 0..<10 where UInt32(i) < words {
      guard let word = packet.at(34 + 4 * i, UInt32.self) else { return false }
      change.replace(old[i], by: old[i + 16])
      word.pointee = old[i + 16]
    }
    return true
  }

  @inline(__always) private static var memory: UnsafeMutableRawPointer? {
    let zero: UInt32 = 0
    return withUnsafePointer(to: zero) { bpf_map_lookup_elem(&svs_scratch, $0) }
  }
}

/// How far the look through the options has come; in a map's memory, of which the verifier knows nothing.
private struct OptionScan {
  var position: UInt32 = 0
  let end: UInt32
  /// Bytes of an option that are still to come, and whether they are blanked.
  var left: UInt32 = 0
  var blanks: UInt32 = 0

  @inline(__always) init(end: UInt32) { self.end = end }
}

extension UnsafeMutableRawPointer {
  @inline(__always) fileprivate var scan: UnsafeMutablePointer<OptionScan> {
    (self + 128).assumingMemoryBound(to: OptionScan.self)
  }

  /// Looks at the next byte, in the second copy at offset 64; false at the end.
  @inline(__always) fileprivate func blankOption() -> Bool {
    let memory = svs_opaque(self)
    let scan = memory.scan
    if scan.pointee.position >= scan.pointee.end { return false }
    let byte = (memory + 64 + Int(scan.pointee.position & 63)).assumingMemoryBound(to: UInt8.self)
    scan.pointee.position &+= 1
    if scan.pointee.left != 0 {
      scan.pointee.left &-= 1
      if scan.pointee.blanks != 0 { byte.pointee = 1 }
      return true
    }
    let kind = byte.pointee
    if kind == 0 { return false }
    if kind == 1 { return true }
    let length = (memory + 64 + Int(scan.pointee.position & 63)).assumingMemoryBound(to: UInt8.self).pointee
    if length < 2 { return false }
    scan.pointee.left = UInt32(length) &- 1
    // The highest bit of an option's type says that it is copied.
    scan.pointee.blanks = kind & 0x80 == 0 ? 1 : 0
    if kind & 0x80 == 0 { byte.pointee = 1 }
    return true
  }
}
