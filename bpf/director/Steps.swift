import DataplaneTypes
import Kernel

// The steps of the packet path as functions of their own, and the entry that calls them.

/// This packet's passage, in memory of the CPU's own.
@inline(__always) private func passage() -> UnsafeMutablePointer<Passage>? {
  let index: UInt32 = 1
  return withUnsafePointer(to: index) {
    bpf_map_lookup_elem(&svs_scratch, $0)?.assumingMemoryBound(to: Passage.self)
  }
}

@inline(__always) private func receive(_ context: UnsafeMutablePointer<xdp_md>) -> Int32 {
  guard let p = passage() else { return Step.pass.rawValue }
  var packet = Packet(context)
  return PacketPath(XDPPlatform(context: context)).receive(&packet, p).rawValue
}

@c(svs_swift_relate)
public func relate(_ context: UnsafeMutablePointer<xdp_md>) -> Int32 {
  guard let p = passage() else { return Step.pass.rawValue }
  var packet = Packet(context)
  return PacketPath(XDPPlatform(context: context)).relate(&packet, p).rawValue
}

@c(svs_swift_revisit)
public func revisit(_ context: UnsafeMutablePointer<xdp_md>) -> Int32 {
  guard let p = passage() else { return Step.pass.rawValue }
  var packet = Packet(context)
  return PacketPath(XDPPlatform(context: context)).revisit(&packet, p).rawValue
}

@c(svs_swift_move)
public func move(
  _ context: UnsafeMutablePointer<xdp_md>, _ slot: UInt32, _ rest: UInt32, _ flags: UInt32, _ tick: UInt32
) -> Int32 {
  let reference = FlowReference(svs_flow_ref(bits: UInt64(slot) << 32 | UInt64(rest)))
  let flags = TCPFlags(rawValue: UInt8(truncatingIfNeeded: flags))
  return ConnectionTable(XDPPlatform(context: context)).move(reference, flags, now: tick) ? 1 : 0
}

@c(svs_swift_lease)
public func lease(_ context: UnsafeMutablePointer<xdp_md>) -> Int32 {
  guard let p = passage() else { return Step.pass.rawValue }
  return PacketPath(XDPPlatform(context: context)).lease(p).rawValue
}

@c(svs_swift_sum)
public func sum(_ context: UnsafeMutablePointer<xdp_md>, _ offset: UInt32, _ length: UInt32) -> Int32 {
  XDPPlatform(context: context).sumOfData(from: offset, length: length)
}

@c(svs_swift_multiply)
public func multiply(_ context: UnsafeMutablePointer<xdp_md>, _ a: UInt32, _ b: UInt32) -> Int32 {
  Int32(bitPattern: CRC32C.multiply(a, b))
}

@c(svs_swift_cross_error)
public func crossError(_ context: UnsafeMutablePointer<xdp_md>) -> Int32 {
  guard let p = passage() else { return Step.drop.rawValue }
  var packet = Packet(context)
  return PacketPath(XDPPlatform(context: context)).crossError(&packet, p).rawValue
}

@c(svs_swift_follow)
public func follow(_ context: UnsafeMutablePointer<xdp_md>) -> Int32 {
  guard let p = passage() else { return Step.pass.rawValue }
  var packet = Packet(context)
  return PacketPath(XDPPlatform(context: context)).follow(&packet, p).rawValue
}

@c(svs_swift_open)
public func open(_ context: UnsafeMutablePointer<xdp_md>) -> Int32 {
  guard let p = passage() else { return Step.pass.rawValue }
  var packet = Packet(context)
  return PacketPath(XDPPlatform(context: context)).open(&packet, p).rawValue
}

@c(svs_swift_persist)
public func persist(_ context: UnsafeMutablePointer<xdp_md>) -> Int32 {
  guard let p = passage() else { return Step.pass.rawValue }
  var packet = Packet(context)
  return PacketPath(XDPPlatform(context: context)).persist(&packet, p).rawValue
}

@c(svs_swift_schedule)
public func schedule(_ context: UnsafeMutablePointer<xdp_md>) -> Int32 {
  guard let p = passage() else { return Step.pass.rawValue }
  return PacketPath(XDPPlatform(context: context)).schedule(p).rawValue
}

@c(svs_swift_keep)
public func keep(_ context: UnsafeMutablePointer<xdp_md>) -> Int32 {
  guard let p = passage() else { return Step.pass.rawValue }
  return PacketPath(XDPPlatform(context: context)).keep(p).rawValue
}

@c(svs_swift_enter)
public func enter(_ context: UnsafeMutablePointer<xdp_md>) -> Int32 {
  guard let p = passage() else { return Step.pass.rawValue }
  return PacketPath(XDPPlatform(context: context)).enter(p).rawValue
}

@c(svs_swift_route)
public func route(_ context: UnsafeMutablePointer<xdp_md>) -> Int32 {
  guard let p = passage() else { return Step.drop.rawValue }
  var packet = Packet(context)
  return PacketPath(XDPPlatform(context: context)).route(&packet, p).rawValue
}

@c(svs_swift_amend)
public func amend(_ context: UnsafeMutablePointer<xdp_md>) -> Int32 {
  guard let p = passage() else { return Step.drop.rawValue }
  var packet = Packet(context)
  return PacketPath(XDPPlatform(context: context)).amend(&packet, p).rawValue
}

@c(svs_swift_greeting)
public func greeting(_ context: UnsafeMutablePointer<xdp_md>, _ slot: UInt32) -> Int32 {
  PacketPath(XDPPlatform(context: context)).writeGreeting(slot) ? 1 : 0
}

@c(svs_swift_append)
public func append(
  _ context: UnsafeMutablePointer<xdp_md>, _ value: UInt32, _ base: UInt32, _ separator: UInt32
) -> Int32 {
  guard let bench = XDPPlatform(context: context).workbench else { return 0 }
  ProxyHeader.append(bench, value, base: base, before: separator)
  return 1
}

@c(svs_swift_forward)
public func forward(_ context: UnsafeMutablePointer<xdp_md>) -> Int32 {
  guard let p = passage() else { return Step.drop.rawValue }
  var packet = Packet(context)
  return PacketPath(XDPPlatform(context: context)).forward(&packet, p).rawValue
}

@c(svs_swift_cross)
public func cross(_ context: UnsafeMutablePointer<xdp_md>) -> Int32 {
  guard let p = passage() else { return Step.drop.rawValue }
  var packet = Packet(context)
  return PacketPath(XDPPlatform(context: context)).cross(&packet, p).rawValue
}

@c(svs_swift_emit)
public func emit(_ context: UnsafeMutablePointer<xdp_md>) -> Int32 {
  guard let p = passage() else { return Step.drop.rawValue }
  var packet = Packet(context)
  return PacketPath(XDPPlatform(context: context)).emit(&packet, p).rawValue
}

@c(svs_swift_answer)
public func answer(_ context: UnsafeMutablePointer<xdp_md>) -> Int32 {
  guard let p = passage() else { return Step.drop.rawValue }
  var packet = Packet(context)
  return PacketPath(XDPPlatform(context: context)).answer(&packet, p).rawValue
}

/// What the NIC calls: the same order as `PacketPath.process`. The step that most packets end with is no call.
@c(svs_swift_director)
public func director(_ context: UnsafeMutablePointer<xdp_md>) -> Int32 {
  var next = receive(context)
  if next == Step.relate.rawValue { next = svs_relate(context) }
  if next == Step.crossError.rawValue { next = svs_cross_error(context) }
  if next == Step.follow.rawValue { next = svs_follow(context) }
  if next == Step.revisit.rawValue { next = svs_revisit(context) }
  if next == Step.open.rawValue { next = svs_open(context) }
  if next == Step.persist.rawValue { next = svs_persist(context) }
  if next == Step.schedule.rawValue { next = svs_schedule(context) }
  if next == Step.keep.rawValue { next = svs_keep(context) }
  if next == Step.enter.rawValue { next = svs_enter(context) }
  if next == Step.lease.rawValue { next = svs_lease(context) }
  if next == Step.route.rawValue { next = svs_route(context) }
  if next == Step.amend.rawValue { next = svs_amend(context) }
  if next == Step.forward.rawValue { next = svs_forward(context) }
  if next == Step.cross.rawValue { next = svs_cross(context) }
  if next == Step.emit.rawValue { next = svs_emit(context) }
  if next == Step.answer.rawValue { next = svs_answer(context) }
  return next > Verdict.redirect.rawValue || next < 0 ? Verdict.aborted.rawValue : next
}
