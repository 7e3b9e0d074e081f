import DataplaneTypes
import Kernel

/// The other end of a hand-over, at svs1: takes the note out of the frame and lets the kernel send the packet, by its
/// neighbour table and whatever the device is.
@c(svs_swift_handover)
public func handover(_ context: UnsafeMutablePointer<__sk_buff>) -> Int32 {
  let drop = Int32(2)  // TC_ACT_SHOT
  let pass = Int32(0)  // TC_ACT_OK
  let packet = Packet(
    start: UnsafeMutableRawPointer(bitPattern: UInt(context.pointee.data)).unsafelyUnwrapped,
    end: UnsafeMutableRawPointer(bitPattern: UInt(context.pointee.data_end)).unsafelyUnwrapped)
  guard let note = packet.at(14, svs_handover.self), note.pointee.magic == UInt32(SVS_HANDOVER_MAGIC) else {
    return pass
  }
  let ifindex = note.pointee.ifindex
  let fragment = note.pointee.fragment != 0
  var neighbour = bpf_redir_neigh()
  neighbour.nh_family = note.pointee.family
  if note.pointee.family == UInt32(Family.ipv4) {
    neighbour.ipv4_nh = note.pointee.next_hop.w0
  } else {
    let n = note.pointee.next_hop
    neighbour.ipv6_nh = (n.w0, n.w1, n.w2, n.w3)
  }
  // BPF_ADJ_ROOM_MAC: takes the bytes out from behind the link layer's header.
  guard bpf_skb_adjust_room(context, 0 &- Int32(MemoryLayout<svs_handover>.size), 1, 0) == 0 else { return drop }
  // As if it had come to this host by svs1: the kernel forwards it, and fragments on the way out. 0 is PACKET_HOST.
  if fragment { return bpf_skb_change_type(context, 0) == 0 ? pass : drop }
  return Int32(
    truncatingIfNeeded: bpf_redirect_neigh(ifindex, &neighbour, Int32(MemoryLayout<bpf_redir_neigh>.size), 0))
}

/// What stands at svs1 for XDP: with it, veth takes the frames that are redirected to svs0.
@c(svs_swift_through)
public func through(_ context: UnsafeMutablePointer<xdp_md>) -> Int32 { Verdict.pass.rawValue }
