import DataplaneTypes

/// Where a frame's headers stand, and the flow it belongs to.
public struct Frame {
  /// Offset of the IP header: 14, and 4 more for every VLAN tag.
  public var network = 0
  /// Offset of the transport header.
  public var transport = 0
  /// Bytes of the IP packet, as its header says.
  public var length: UInt32 = 0
  /// Of TCP; of SCTP, SYN where the first chunk initiates.
  public var flags = TCPFlags()
  /// The type of SCTP's first chunk, or of an ABORT right behind it.
  public var chunk: UInt8 = 0
  /// Time to live or hop limit.
  public var ttl: UInt8 = 0
  /// Whether routers may not fragment it: IPv4's DF, and always so for IPv6.
  public var dontFragment = false
  public var flow = svs_flow_key.empty

  @inlinable @inline(__always) public init() {}
}

/// What parsing came to.
public enum Parsed: UInt8 {
  case flow
  /// Not for us: another protocol, ARP.
  case other
  /// Neither TCP nor UDP, but ICMP about a connection perhaps, or SCTP: only `network` and the flow's kind are known.
  case aside
  case malformed
  case fragment
  case extensionHeader
}

extension Frame {
  /// Finds the headers of a TCP or UDP packet; whatever stood here before is overwritten where it returns `flow`.
  @inlinable @inline(__always)
  public mutating func parse(_ packet: Packet) -> Parsed {
    guard let ethernet = packet.at(0, svs_eth.self) else { return .other }
    var type = ethernet.pointee.type
    network = 14
    if type == EtherType.vlan || type == EtherType.serviceVLAN {
      guard let tag = packet.at(14, svs_vlan.self) else { return .malformed }
      type = tag.pointee.type
      network = 18
      if type == EtherType.vlan || type == EtherType.serviceVLAN {
        guard let inner = packet.at(18, svs_vlan.self) else { return .malformed }
        type = inner.pointee.type
        network = 22
      }
    }
    if type == EtherType.ipv4 {
      let parsed = parseIPv4(packet)
      return parsed == .flow ? parseTransport(packet) : parsed
    }
    if type == EtherType.ipv6 {
      let parsed = parseIPv6(packet)
      return parsed == .flow ? parseTransport(packet) : parsed
    }
    return .other
  }

  @inlinable @inline(__always)
  mutating func parseIPv4(_ packet: Packet) -> Parsed {
    guard let ip = packet.at(dynamic: network, svs_ipv4.self) else { return .malformed }
    let header = Int(ip.pointee.version_ihl & 15) &* 4
    guard ip.pointee.version_ihl >> 4 == 4, header >= 20 else { return .malformed }
    let proto = ip.pointee.proto
    guard proto == IPProtocol.tcp || proto == IPProtocol.udp else {
      flow.kind = svs_flow_key.kind(proto, Family.ipv4)
      return .aside
    }
    if ip.pointee.fragment & UInt16(0x3fff).bigEndian != 0 { return .fragment }
    length = UInt32(UInt16(bigEndian: ip.pointee.length))
    transport = network &+ header
    ttl = ip.pointee.ttl
    dontFragment = ip.pointee.fragment & UInt16(0x4000).bigEndian != 0
    flow.src = svs_addr(ipv4: ip.pointee.src)
    flow.dst = svs_addr(ipv4: ip.pointee.dst)
    flow.kind = svs_flow_key.kind(proto, Family.ipv4)
    return .flow
  }

  @inlinable @inline(__always)
  mutating func parseIPv6(_ packet: Packet) -> Parsed {
    guard let ip = packet.at(dynamic: network, svs_ipv6.self) else { return .malformed }
    guard ip.pointee.version_class_flow & UInt32(0xf000_0000).bigEndian == UInt32(0x6000_0000).bigEndian else {
      return .malformed
    }
    var next = ip.pointee.next
    length = UInt32(UInt16(bigEndian: ip.pointee.length)) &+ 40
    transport = network &+ 40
    ttl = ip.pointee.hops
    dontFragment = true
    flow.src = ip.pointee.src
    flow.dst = ip.pointee.dst
    // RFC 8200, section 4.1: hop-by-hop options, destination options, routing, destination options again.
    for _ in 0..<4 {
      if next == IPProtocol.tcp || next == IPProtocol.udp { break }
      guard next == IPProtocol.hopByHop || next == IPProtocol.destinationOptions || next == IPProtocol.routing else {
        break
      }
      guard let option = packet.at(dynamic: transport, svs_vlan.self) else { return .malformed }
      // The tag's layout lends itself: two bytes of next header and length come first.
      let head = option.pointee.tci
      next = UInt8(truncatingIfNeeded: head)
      transport &+= (Int(head >> 8) &+ 1) &* 8
      if transport > 400 { return .extensionHeader }
    }
    if next == IPProtocol.fragment { return .fragment }
    guard next == IPProtocol.tcp || next == IPProtocol.udp else {
      flow.kind = svs_flow_key.kind(next, Family.ipv6)
      return .aside
    }
    flow.kind = svs_flow_key.kind(next, Family.ipv6)
    return .flow
  }

  @inlinable @inline(__always)
  mutating func parseTransport(_ packet: Packet) -> Parsed {
    let header = transport &- network
    guard Int(length) &+ network <= packet.count else { return .malformed }
    if flow.proto == IPProtocol.tcp {
      guard let tcp = packet.at(dynamic: transport, svs_tcp.self), Int(length) >= header &+ 20,
        tcp.pointee.offset >= 0x50
      else { return .malformed }
      flow.ports = svs_flow_key.ports(tcp.pointee.sport, tcp.pointee.dport)
      flags = TCPFlags(rawValue: tcp.pointee.flags)
      return .flow
    }
    guard let udp = packet.at(dynamic: transport, svs_udp.self), Int(length) >= header &+ 8 else { return .malformed }
    let size = Int(UInt16(bigEndian: udp.pointee.length))
    guard size >= 8, size &+ header <= Int(length) else { return .malformed }
    flags = TCPFlags()
    flow.ports = svs_flow_key.ports(udp.pointee.sport, udp.pointee.dport)
    return .flow
  }
}
