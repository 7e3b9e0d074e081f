import DataplaneTypes
import Kernel

/// The other end of a hand-over, at svs1: takes the note out of the frame and lets the kernel send the packet, by its
/// neighbour table and whatever the device is; in fragments, where the note says so.
@c(svs_swift_handover)
public func handover(_ context: UnsafeMutablePointer<__sk_buff>) -> Int32 {
  let drop = Int32(2)  // TC_ACT_SHOT
  let pass = Int32(0)  // TC_ACT_OK
  guard let note = Packet(context).at(14, svs_handover.self), note.pointee.magic == UInt32(SVS_HANDOVER_MAGIC) else {
    return goesRound(context) ? dropped(.noServiceDropped) : pass
  }
  let ifindex = note.pointee.ifindex
  var neighbour = bpf_redir_neigh()
  neighbour.nh_family = note.pointee.family
  if note.pointee.family == UInt32(Family.ipv4) {
    neighbour.ipv4_nh = note.pointee.next_hop.w0
  } else {
    let n = note.pointee.next_hop
    neighbour.ipv6_nh = (n.w0, n.w1, n.w2, n.w3)
  }
  var fragment = Fragment(mtu: UInt32(note.pointee.mtu), sent: UInt32(note.pointee.sent))
  if fragment.mtu != 0, !fragment.cut(context) { return dropped(.tooBigDropped) }
  // BPF_ADJ_ROOM_MAC: takes the bytes out from behind the link layer's header.
  guard bpf_skb_adjust_room(context, 0 &- Int32(MemoryLayout<svs_handover>.size), 1, 0) == 0 else { return drop }
  if fragment.mtu != 0 {
    guard fragment.finish(context) else { return dropped(.tooBigDropped) }
    if !fragment.hasMore { count(.fragmented) }
  }
  return Int32(
    truncatingIfNeeded: bpf_redirect_neigh(ifindex, &neighbour, Int32(MemoryLayout<bpf_redir_neigh>.size), 0))
}

/// Whether the kernel would route what the director passes on back into svs0: it is for a virtual address of a diverted
/// network, and no service's.
@inline(__always) private func goesRound(_ context: UnsafeMutablePointer<__sk_buff>) -> Bool {
  let packet = Packet(context)
  guard let config = KernelArray<svs_config>(map: &svs_config_map).find(0), config.pointee.diverted_mask != 0,
    let ethernet = packet.at(0, svs_eth.self), ethernet.pointee.type == EtherType.ipv4,
    let ip = packet.at(14, svs_ipv4.self)
  else { return false }
  return Diversion.isVirtual(ip.pointee.dst, config)
}

@inline(__always) private func count(_ event: Event) {
  if let counter = KernelArray<svs_drop>(map: &svs_events).find(event.rawValue) { counter.pointee.packets &+= 1 }
}

@inline(__always) func dropped(_ event: Event) -> Int32 {
  count(event)
  return 2  // TC_ACT_SHOT
}

/// One fragment of an IPv4 packet (RFC 791, section 3.2).
///
/// The whole packet comes by svs1 once for each of its fragments: all but the last send a copy round again before they
/// cut themselves out of it.
private struct Fragment {
  let mtu: UInt32
  let sent: UInt32
  /// Bytes of the IP header, and of the payload in this fragment.
  var header: UInt32 = 20
  var size: UInt32 = 0
  var hasMore = false

  @inline(__always) init(mtu: UInt32, sent: UInt32) {
    self.mtu = mtu
    self.sent = sent
  }

  private static var network: Int { 14 + MemoryLayout<svs_handover>.size }

  /// Sends the rest round and cuts off what comes behind this fragment.
  @inline(__always) mutating func cut(_ context: UnsafeMutablePointer<__sk_buff>) -> Bool {
    guard let ip = Packet(context).at(Self.network, svs_ipv4.self), ip.pointee.version_ihl >> 4 == 4, mtu >= 68 else {
      return false
    }
    header = UInt32(ip.pointee.version_ihl & 15) &* 4
    let total = UInt32(UInt16(bigEndian: ip.pointee.length))
    let room = (mtu &- header) & ~7
    guard header >= 20, total > header &+ sent else { return false }
    size = total &- header &- sent
    hasMore = size > room
    if hasMore {
      size = room
      guard let note = Packet(context).at(14, svs_handover.self) else { return false }
      note.pointee.sent = UInt16(truncatingIfNeeded: sent &+ room)
      guard bpf_clone_redirect(context, context.pointee.ifindex, UInt64(BPF_F_INGRESS)) == 0 else {
        return false
      }
    }
    let end = UInt32(truncatingIfNeeded: Self.network) &+ header &+ sent &+ size
    return Int32(truncatingIfNeeded: bpf_skb_change_tail(context, end, 0)) == 0
  }

  /// Takes out what earlier fragments have, and says in the header which fragment this is. The note is gone by now.
  @inline(__always) func finish(_ context: UnsafeMutablePointer<__sk_buff>) -> Bool {
    var change = Checksum()
    if sent != 0 {
      let options = FragmentOptions(words: (header &- 20) / 4)
      guard options.read(Packet(context)) else { return false }
      // BPF_ADJ_ROOM_NET: from behind the first 20 bytes of the IP header, so that options go with it.
      guard Int32(truncatingIfNeeded: bpf_skb_adjust_room(context, 0 &- Int32(bitPattern: sent), 0, 0)) == 0,
        options.write(Packet(context), &change)
      else { return false }
    }
    guard let ip = Packet(context).at(14, svs_ipv4.self) else { return false }
    // A fragment itself, perhaps: its offset goes on, and its "more" stands for its last.
    var place = UInt16(bigEndian: ip.pointee.fragment) &+ UInt16(truncatingIfNeeded: sent >> 3)
    if hasMore { place |= 0x2000 }
    let length = UInt16(truncatingIfNeeded: size &+ header).bigEndian
    var check = Checksum(updating: ip.pointee.check)
    check.add(change)
    check.replace(ip.pointee.length, by: length)
    check.replace(ip.pointee.fragment, by: place.bigEndian)
    ip.pointee.length = length
    ip.pointee.fragment = place.bigEndian
    ip.pointee.check = check.field
    return true
  }
}

extension Packet {
  @inline(__always) init(_ c: UnsafeMutablePointer<__sk_buff>) {
    self.init(
      start: UnsafeMutableRawPointer(bitPattern: UInt(c.pointee.data)).unsafelyUnwrapped,
      end: UnsafeMutableRawPointer(bitPattern: UInt(c.pointee.data_end)).unsafelyUnwrapped)
  }
}

/// At svs0, for what the kernel sends there by its routing, and what is diverted: see `Stamp`.
///
/// The mark is taken off the packet: whatever the director passes to the kernel at svs1 would come round again for it.
@c(svs_swift_stamp)
public func stamp(_ context: UnsafeMutablePointer<__sk_buff>) -> Int32 {
  let mark = context.pointee.mark
  // What this host sends to itself is diverted at the loopback, the first device of every namespace.
  let isDiverted = context.pointee.tc_index == UInt32(SVS_DIVERTED_MARK)
  if isDiverted { context.pointee.tc_index = 0 }
  let kind =
    context.pointee.ingress_ifindex <= 1 ? SVS_STAMP_OWN : isDiverted ? SVS_STAMP_DIVERTED : SVS_STAMP_FORWARDED
  guard let ethernet = Packet(context).at(0, svs_eth.self) else { return 2 }
  ethernet.pointee.dst = HandoverMAC.inner
  ethernet.pointee.src = svs_mac(
    a: UInt16(kind), b: UInt16(truncatingIfNeeded: mark), c: UInt16(truncatingIfNeeded: mark >> 16))
  context.pointee.mark = 0
  return 0
}
