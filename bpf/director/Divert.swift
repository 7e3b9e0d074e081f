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
  // PACKET_HOST: not what an interface sees that listens to everything. A tagged frame is the VLAN device's.
  guard context.pointee.protocol == UInt32(EtherType.ipv4), isPort != 0 || context.pointee.pkt_type == 0,
    context.pointee.vlan_present == 0,
    let config = KernelArray<svs_config>(map: &svs_config_map).find(0),
    let addressee = Addressee(context), addressee.isDiverted(context, config)
  else { return goOn }
  // Sent back to where it says it is from, it would come by here again, and go round.
  if addressee.hasForgedSource(context, config) { return dropped(.noServiceDropped) }
  context.pointee.tc_index = UInt32(SVS_DIVERTED_MARK)
  return Int32(truncatingIfNeeded: bpf_redirect(config.pointee.handover_ifindex, 0))
}

/// Where a packet of IPv4 goes, read from its headers.
private struct Addressee {
  var address: UInt32
  var source: UInt32
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
    source = ip.pointee.src
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
    guard address == config.pointee.diverted_host, address != 0 else { return false }
    let index: UInt32
    switch proto {
    case IPProtocol.tcp: index = UInt32(SVS_DIVERTED_TCP)
    case IPProtocol.udp: index = UInt32(SVS_DIVERTED_UDP)
    default: return false
    }
    // Which ports they are for only the director knows; it passes others back to the host.
    if !isFirst { return config.pointee.diverted_fragments >> index & 1 != 0 }
    guard let ports = Packet(context).at(dynamic: transport, svs_udp.self) else { return false }
    // What answers an opening is for a socket of the host's, whose port is a service's by chance.
    if proto == IPProtocol.tcp, let tcp = Packet(context).at(dynamic: transport, svs_tcp.self),
      tcp.pointee.flags & 0x12 == 0x12
    {
      return false
    }
    guard let services = KernelArray<svs_ports>(map: &svs_diverted_ports).find(index) else { return false }
    let port = UInt16(bigEndian: ports.pointee.dport)
    let word = UnsafeRawPointer(services).load(fromByteOffset: Int(port >> 6) &* 8, as: UInt64.self)
    return word >> UInt64(port & 63) & 1 != 0
  }

  /// Whether no client has this source: a service's address, the director's own, or none of a host's (RFC 6890). The host's
  /// is its own at the loopback alone.
  @inline(__always)
  func hasForgedSource(
    _ context: UnsafeMutablePointer<__sk_buff>, _ config: UnsafeMutablePointer<svs_config>
  ) -> Bool {
    if Diversion.isVirtual(source, config) || source == config.pointee.diverted_local { return true }
    let first = UInt32(bigEndian: source) >> 24
    if context.pointee.ifindex == 1 { return false }
    return source == config.pointee.diverted_host || first == 0 || first == 127 || first >= 224
  }
}
