import DataplaneTypes

/// Which part of a packet a frame carries.
public enum Part: UInt8 {
  case whole
  /// The first fragment: it shows the ports, and others follow.
  case first
  case later
}

public enum FragmentLifetime {
  /// Half a minute in ticks, as with Linux's own reassembly.
  @inlinable public static var ticks: UInt32 { 1788 }
}

/// Fragments (RFC 791, section 3.2; RFC 8200, section 4.5) go where their packet's first one went.
///
/// The first is forwarded as a packet is, and leaves its connection in a table of bounded size under the packet's
/// addresses, protocol and identification. Later ones find it there. A later one that comes before its first is the
/// kernel's: nothing can be held back here.
extension PacketPath {
  /// Finds the connection of a fragment.
  @inlinable @inline(__always)
  public func follow(_ packet: inout Packet, _ p: UnsafeMutablePointer<Passage>) -> Step {
    guard let frame = p.pointer(to: \.frame), let config = platform.configuration.find(0) else { return .pass }
    var piece = Piece()
    guard piece.read(packet, frame) else { return leaving(.pass, .fragment) }
    if !piece.isOurs { return .pass }
    p.pointee.tick = ConnectionTable<P>.tick(platform.now())
    p.pointee.identification = piece.id
    p.pointee.part = piece.part
    if piece.part == .later { return followFirst(frame, payload: UInt64(piece.payload), config, p) }
    if !piece.readTransport(packet, frame) { return leaving(.pass, .fragment) }
    return begin(UnsafePointer(frame), config, p)
  }

  /// What `receive` does for whole packets.
  @inlinable @inline(__always)
  func begin(
    _ frame: UnsafePointer<Frame>, _ config: UnsafeMutablePointer<svs_config>,
    _ p: UnsafeMutablePointer<Passage>
  ) -> Step {
    let tick = p.pointee.tick
    let known = platform.flows.find(at: frame.flow)
    p.pointee.hasFlow = known != nil
    guard let found = known else { return .open }
    let reference = FlowReference(found.pointee)
    let clientPort = reference.fromServer ? frame.pointee.flow.dport : frame.pointee.flow.sport
    guard let c = connection(reference),
      c.pointee.cport == clientPort || c.pointee.method == Method.fullNAT && reference.fromServer
    else { return leaving(.drop, .contention) }
    let word = StateWord(bits: c.pointee.word)
    if frame.pointee.flags.contains(.syn), reopens(reference, c, word, config) {
      return .open
    }
    if !serverStands(c, reference, config) {
      let part = p.pointee.part
      let step = withoutServer(reference, c.pointee.family, config, tick, p)
      p.pointee.part = part
      return step
    }
    guard ConnectionTable(platform).advance(c, word, reference, frame.pointee.flags, config, now: tick) else {
      return leaving(.drop, .contention)
    }
    count(c.pointee.server, frame, reference.fromServer)
    discloseAnew(c, frame, reference)
    p.pointee.reference = reference
    return .route
  }

  /// A later fragment takes the way of its packet's first.
  @inlinable @inline(__always)
  func followFirst(
    _ frame: UnsafeMutablePointer<Frame>, payload: UInt64, _ config: UnsafeMutablePointer<svs_config>,
    _ p: UnsafeMutablePointer<Passage>
  ) -> Step {
    let tick = p.pointee.tick
    guard let first = platform.fragments.find(fragmentsKey(p)),
      tick &- first.pointee.tick < config.pointee.fragment_lifetime
    else { return leaving(.pass, .fragment) }
    let reference = FlowReference(first.pointee.reference)
    guard let c = connection(reference) else { return leaving(.drop, .fragmentDropped) }
    if !serverStands(c, reference, config) { return leaving(.drop, .serverRemoved) }
    // Tunnels choose their own ports by the flow's: one packet's fragments stay on one path.
    frame.pointee.flow.ports =
      reference.fromServer
      ? svs_flow_key.ports(c.pointee.rport, c.pointee.cport) : svs_flow_key.ports(c.pointee.cport, c.pointee.vport)
    frame.pointee.flags = TCPFlags()
    countBytes(c.pointee.server, payload, reference.fromServer)
    p.pointee.reference = reference
    let hop = Way.hop(c, reference.fromServer)
    // 60 bytes are the most that a tunnel adds.
    guard hop.pointee.isFresh(at: tick), hop.pointee.mtu == 0 || frame.pointee.length &+ 60 <= UInt32(hop.pointee.mtu)
    else { return .route }
    p.pointee.way.hop = hop.pointee
    p.pointee.way.kind = .redirect
    return c.pointee.tunnel & UInt8(SVS_AMENDS) != 0 ? .amend : .forward
  }

  @inlinable @inline(__always)
  func fragmentsKey(_ p: UnsafeMutablePointer<Passage>) -> svs_flow_key {
    let frame = p.parsedFrame
    return svs_flow_key(
      src: frame.pointee.flow.src, dst: frame.pointee.flow.dst, ports: p.pointee.identification,
      kind: frame.pointee.flow.kind)
  }

  /// Enters a first fragment's connection for those that follow it; one that lives for one packet has gone by then.
  @inlinable @inline(__always)
  func rememberFragments(_ config: UnsafeMutablePointer<svs_config>, _ p: UnsafeMutablePointer<Passage>) {
    if p.pointee.reference.slot >= config.pointee.connection_capacity { return }
    let entry = svs_fragments(
      reference: svs_flow_ref(bits: p.pointee.reference.bits), tick: p.pointee.tick, reserved: 0)
    _ = platform.fragments.replace(fragmentsKey(p), entry)
    if p.parsedFrame.pointee.flow.family == Family.ipv4 { return }
    // The whole packet has no fragment header.
    guard let c = platform.connections.find(p.pointee.reference.slot) else { return }
    countBytes(c.pointee.server, 0 &- 8, p.pointee.reference.fromServer)
  }

  /// Counts as IPVS does, which sees packets put together again.
  @inlinable @inline(__always)
  func countBytes(_ server: UInt32, _ bytes: UInt64, _ fromServer: Bool) {
    guard let c = platform.serverCounters.find(server) else { return }
    if fromServer { c.pointee.bytes_out &+= bytes } else { c.pointee.bytes_in &+= bytes }
  }

  /// What becomes of a fragment that is too big for the way, or has come too far.
  @inlinable @inline(__always)
  func refuseFragment(
    _ packet: Packet, _ frame: UnsafePointer<Frame>, mtu: UInt32, isTooBig: Bool, fromServer: Bool,
    _ p: UnsafeMutablePointer<Passage>
  ) -> Step {
    let isFirst = p.pointee.part == .first
    if frame.pointee.ttl <= 1 {
      if !isFirst { return leaving(.drop, .fragmentDropped) }
      return fromServer ? leaving(.pass, .replyTimeExceeded) : answering(.timeExceeded, .timeExceeded, p)
    }
    // RFC 1122, section 3.2.2: none about later fragments. IPv6 has no such rule, and every packet too big is told.
    if !isFirst, frame.pointee.flow.family == Family.ipv4 { return leaving(.drop, .fragmentDropped) }
    if !age(packet, frame) { return .drop }
    return answering(.tooBig, mtu: mtu, .tooBig, p)
  }

  /// Writes another address, and in a first fragment another port.
  ///
  /// The transport's checksum spans the whole packet, most of which is elsewhere: it is updated, and one that is absent
  /// stays so.
  @inlinable @inline(__always)
  func translateFragment(
    _ packet: Packet, _ frame: UnsafePointer<Frame>, isFirst: Bool, source: Bool,
    _ address: UnsafeMutablePointer<svs_addr>, _ port: UInt16
  ) -> Bool {
    var change = Checksum()
    if frame.pointee.flow.family == Family.ipv4 {
      guard let ip = packet.at(dynamic: frame.pointee.network, svs_ipv4.self) else { return false }
      var check = Checksum(updating: ip.pointee.check)
      change.replace(source ? ip.pointee.src : ip.pointee.dst, by: address.pointee.w0)
      check.add(change)
      ip.pointee.check = check.field
      if source { ip.pointee.src = address.pointee.w0 } else { ip.pointee.dst = address.pointee.w0 }
    } else {
      guard let ip = packet.at(dynamic: frame.pointee.network, svs_ipv6.self) else { return false }
      change.replace(source ? ip.pointee.src : ip.pointee.dst, by: address.pointee)
      if source { ip.pointee.src = address.pointee } else { ip.pointee.dst = address.pointee }
    }
    if !isFirst { return true }
    // Both protocols begin with their ports.
    let transport = frame.pointee.transport
    guard let ports = packet.at(dynamic: transport &+ (source ? 0 : 2), UInt16.self) else { return false }
    change.replace(ports.pointee, by: port)
    ports.pointee = port
    let isTCP = frame.pointee.flow.proto == IPProtocol.tcp
    guard let field = packet.at(dynamic: transport &+ (isTCP ? 16 : 6), UInt16.self) else { return false }
    if !isTCP, field.pointee == 0 { return true }
    var check = Checksum(updating: field.pointee)
    check.add(change)
    let value = check.field
    field.pointee = value == 0 && !isTCP ? 0xffff : value
    return true
  }
}

/// What a fragment's headers say of it.
@usableFromInline struct Piece {
  @usableFromInline var id: UInt32 = 0
  @usableFromInline var part = Part.whole
  /// Bytes behind its headers.
  @usableFromInline var payload: UInt32 = 0
  /// Of a protocol that has services.
  @usableFromInline var isOurs = false

  @inlinable @inline(__always) init() {}

  /// Reads the network headers and makes the frame tell of them. False where they contradict themselves.
  ///
  /// Of IPv6, parsing has found the fragment header, and left its offset in `transport`.
  @inlinable @inline(__always)
  mutating func read(_ packet: Packet, _ frame: UnsafeMutablePointer<Frame>) -> Bool {
    let network = frame.pointee.network
    guard let ip = packet.at(dynamic: network, svs_ipv4.self) else { return false }
    var place: UInt16 = 0
    if ip.pointee.version_ihl >> 4 == 4 {
      frame.pointee.transport = network &+ Int(ip.pointee.version_ihl & 15) &* 4
      frame.pointee.length = UInt32(UInt16(bigEndian: ip.pointee.length))
      frame.pointee.ttl = ip.pointee.ttl
      let word = UInt16(bigEndian: ip.pointee.fragment)
      frame.pointee.dontFragment = word & 0x4000 != 0
      frame.pointee.flow.src = svs_addr(ipv4: ip.pointee.src)
      frame.pointee.flow.dst = svs_addr(ipv4: ip.pointee.dst)
      frame.pointee.flow.kind = svs_flow_key.kind(ip.pointee.proto, Family.ipv4)
      id = UInt32(ip.pointee.id)
      // As IPv6 has it: the offset in bytes, "more" in the lowest bit.
      place = word << 3 | (word >> 13) & 1
    } else {
      guard let header = packet.at(dynamic: frame.pointee.transport, svs_ipv6_fragment.self) else { return false }
      frame.pointee.transport &+= 8
      frame.pointee.flow.kind = svs_flow_key.kind(header.pointee.next, Family.ipv6)
      id = header.pointee.id
      place = UInt16(bigEndian: header.pointee.place)
    }
    part = place & 0xfff8 != 0 ? .later : (place & 1 != 0 ? .first : .whole)
    let headers = UInt32(truncatingIfNeeded: frame.pointee.transport &- network)
    let length = frame.pointee.length
    guard length > headers, Int(length) &+ network <= packet.count else { return false }
    payload = length &- headers
    let proto = frame.pointee.flow.proto
    isOurs = proto == IPProtocol.tcp || proto == IPProtocol.udp
    return true
  }

  /// Reads ports and flags of a first fragment. False where it is too short to show them.
  @inlinable @inline(__always)
  func readTransport(_ packet: Packet, _ frame: UnsafeMutablePointer<Frame>) -> Bool {
    let transport = frame.pointee.transport
    if frame.pointee.flow.proto == IPProtocol.tcp {
      guard payload >= 20, let tcp = packet.at(dynamic: transport, svs_tcp.self) else { return false }
      frame.pointee.flow.ports = svs_flow_key.ports(tcp.pointee.sport, tcp.pointee.dport)
      frame.pointee.flags = TCPFlags(rawValue: tcp.pointee.flags)
      return true
    }
    guard payload >= 8, let udp = packet.at(dynamic: transport, svs_udp.self) else { return false }
    frame.pointee.flow.ports = svs_flow_key.ports(udp.pointee.sport, udp.pointee.dport)
    frame.pointee.flags = TCPFlags()
    return true
  }
}
