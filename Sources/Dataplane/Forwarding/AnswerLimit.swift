import DataplaneTypes

/// How often one host is answered: as the kernel limits its own errors (icmp_ratelimit in its ip-sysctl documentation).
///
/// A host saves up an answer with every interval that passes, six at most. Path-MTU discovery is exempt, which would not
/// work otherwise (RFC 1812, section 4.3.2.8), and so is this host itself. Hosts whose addresses have the same hash
/// share.
extension PacketPath {
  @inlinable static var burst: UInt32 { 6 }

  /// Whether the packet's sender may have an answer, which is then counted.
  @inlinable @inline(__always)
  func isGranted(_ packet: Packet, _ frame: UnsafePointer<Frame>, _ kind: Answer.Kind) -> Bool {
    guard kind != .tooBig, let config = platform.configuration.find(0) else { return true }
    let four = frame.pointee.flow.family == Family.ipv4
    let interval = four ? config.pointee.answer_interval4 : config.pointee.answer_interval6
    if interval == 0 { return true }
    if platform.ingress == config.pointee.lookup_ifindex {
      var stamp = Stamp()
      stamp.read(packet)
      if stamp.isOwn { return true }
    }
    let hash = (frame.pointee.flow.src.fold &* 0x9e37_79b1) >> (32 &- UInt32(SVS_ALLOWANCE_SHIFT))
    guard let allowance = platform.allowances.find(hash) else { return true }
    let tick = ConnectionTable<P>.tick(platform.now())
    let most = UInt64(interval) &* UInt64(Self.burst)
    let last = allowance.pointee.tick
    // Another CPU may have been here a tick later.
    let passed = Int32(bitPattern: tick &- last)
    let saved = UInt64(allowance.pointee.saved) &+ (passed > 0 ? UInt64(passed) : 0)
    // Two CPUs may give the same answer away; no more than that comes of it.
    let available = last == 0 ? most : min(saved, most)
    allowance.pointee.tick = tick == 0 ? 1 : tick
    if available < UInt64(interval) {
      allowance.pointee.saved = UInt32(truncatingIfNeeded: available)
      return false
    }
    allowance.pointee.saved = UInt32(truncatingIfNeeded: available &- UInt64(interval))
    return true
  }
}
