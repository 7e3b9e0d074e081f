import DataplaneTypes
import Kernel

/// At the ingress of the host's own devices, where the director stands beside the host's traffic: sends what is for
/// services, or comes back from their servers, into svs0.
///
/// Everything else is only looked at: a program that may write to a packet has the kernel copy its head first.
///
/// - Parameter isPort: whether the device is a bridge's. Pods' frames are addressed to the bridge, not to its port. Where
///   the bridge's packets pass netfilter, that joins fragments to packets too large for svs0 before the bridge has them.
@c(svs_swift_divert)
public func divert(_ context: UnsafeMutablePointer<__sk_buff>, isPort: UInt32) -> Int32 {
  let goOn: Int32 = -1  // TC_ACT_UNSPEC: filters of others are asked
  // PACKET_HOST: not what an interface sees that listens to everything.
  guard context.pointee.protocol == UInt32(EtherType.ipv4), isPort != 0 || context.pointee.pkt_type == 0,
    let config = KernelArray<svs_config>(map: &svs_config_map).find(0),
    let addressee = Addressee(context), addressee.isDiverted(context, config)
  else { return goOn }
  // The director counts the time to live down for what this host sends, and takes back what a host that forwards has
  // counted; one that ends here is the kernel's to tell.
  if context.pointee.ifindex != 1, !countDown(context) { return goOn }
  return Int32(truncatingIfNeeded: bpf_redirect(config.pointee.handover_ifindex, 0))
}

/// Where a packet of IPv4 goes, read from its headers.
private struct Addressee {
  var address: UInt32
  var proto: UInt8
  /// Whether it begins with a header of its transport protocol: is no later fragment.
  var isFirst: Bool
  /// Where that is in the frame.
  var transport: Int

  @inline(__always) init?(_ context: UnsafeMutablePointer<__sk_buff>) {
    // Some drivers leave headers in pages of their own.
    let most: UInt32 = 14 &+ 60 &+ 8
    if Packet(context).count < 14 &+ 20 &+ 8, context.pointee.len >= 14 &+ 20 &+ 8 {
      _ = bpf_skb_pull_data(context, context.pointee.len < most ? context.pointee.len : most)
    }
    guard let ip = Packet(context).at(14, svs_ipv4.self) else { return nil }
    address = ip.pointee.dst
    proto = ip.pointee.proto
    isFirst = ip.pointee.fragment & UInt16(0x1fff).bigEndian == 0
    transport = 14 &+ Int(ip.pointee.version_ihl & 15) &* 4
  }

  @inline(__always)
  func isDiverted(
    _ context: UnsafeMutablePointer<__sk_buff>, _ config: UnsafeMutablePointer<svs_config>
  ) -> Bool {
    if Diversion.isVirtual(address, config) { return true }
    if address == config.pointee.diverted_local {
      return address != 0 && (proto == IPProtocol.tcp || proto == IPProtocol.udp || proto == IPProtocol.icmp)
    }
    guard address == config.pointee.diverted_host, address != 0, isFirst else { return false }
    let index: UInt32
    switch proto {
    case IPProtocol.tcp: index = SVS_DIVERTED_TCP
    case IPProtocol.udp: index = SVS_DIVERTED_UDP
    default: return false
    }
    guard let ports = Packet(context).at(dynamic: transport, svs_udp.self),
      let services = KernelArray<svs_ports>(map: &svs_diverted_ports).find(index)
    else { return false }
    let port = UInt16(bigEndian: ports.pointee.dport)
    let word = UnsafeRawPointer(services).load(
      fromByteOffset: Int(port >> 6) &* 8, as: UInt64.self)
    return word >> UInt64(port & 63) & 1 != 0
  }
}

/// Counts the time to live down, as the kernel does when it forwards; false where it ends.
@inline(__always) private func countDown(_ context: UnsafeMutablePointer<__sk_buff>) -> Bool {
  guard let ip = Packet(context).at(14, svs_ipv4.self), ip.pointee.ttl > 1 else { return false }
  let (old, proto) = (UInt16(ip.pointee.ttl), UInt16(ip.pointee.proto) << 8)
  var ttl = UInt8(truncatingIfNeeded: old &- 1)
  guard bpf_skb_store_bytes(context, 22, &ttl, 1, 0) == 0 else { return false }
  return bpf_l3_csum_replace(context, 24, UInt64(old | proto), UInt64((old &- 1) | proto), 2) == 0
}
