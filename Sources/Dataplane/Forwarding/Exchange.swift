import DataplaneTypes

/// The four fields that FULLNAT writes: where a packet comes from, and where it goes.
@usableFromInline struct Ends {
  @usableFromInline var source: UnsafeMutablePointer<svs_addr>
  @usableFromInline var destination: UnsafeMutablePointer<svs_addr>
  /// In network order, the source's first in memory.
  @usableFromInline var ports: UInt32

  /// Addresses alone.
  @inlinable @inline(__always)
  init(source: UnsafeMutablePointer<svs_addr>, destination: UnsafeMutablePointer<svs_addr>) {
    self.source = source
    self.destination = destination
    ports = 0
  }

  /// What the packets of a connection carry on the way out. Under NAT the server sees its client.
  @inlinable @inline(__always)
  init?<P: Platform>(_ c: UnsafeMutablePointer<svs_connection>, _ reference: FlowReference, _ platform: P) {
    if reference.fromServer {
      source = c.pointer(to: \.vip).unsafelyUnwrapped
      destination = c.pointer(to: \.client).unsafelyUnwrapped
      ports = svs_flow_key.ports(c.pointee.vport, c.pointee.cport)
      return
    }
    destination = c.pointer(to: \.rip).unsafelyUnwrapped
    if c.pointee.method == Method.fullNAT {
      guard let exchange = platform.exchanges.find(reference.slot) else { return nil }
      source = exchange.pointer(to: \.local).unsafelyUnwrapped
      ports = svs_flow_key.ports(exchange.pointee.port, c.pointee.rport)
    } else {
      source = c.pointer(to: \.client).unsafelyUnwrapped
      ports = svs_flow_key.ports(c.pointee.cport, c.pointee.rport)
    }
  }
}

extension PacketPath {
  /// Writes both ends of a whole packet, and counts its time to live down.
  @inlinable @inline(__always)
  func exchange(_ packet: Packet, _ frame: UnsafePointer<Frame>, _ ends: Ends, plainly: Bool) -> Bool {
    var change = Checksum()
    if frame.pointee.flow.family == Family.ipv4 {
      guard let ip = packet.at(dynamic: frame.pointee.network, svs_ipv4.self) else { return false }
      var check = Checksum(updating: ip.pointee.check)
      change.replace(ip.pointee.src, by: ends.source.pointee.w0)
      change.replace(ip.pointee.dst, by: ends.destination.pointee.w0)
      check.add(change)
      // The time to live is the first byte of a word.
      let word = UInt16(frame.pointee.ttl)
      check.replace(word, by: word &- 1)
      ip.pointee.ttl = frame.pointee.ttl &- 1
      ip.pointee.check = check.field
      ip.pointee.src = ends.source.pointee.w0
      ip.pointee.dst = ends.destination.pointee.w0
    } else {
      guard let ip = packet.at(dynamic: frame.pointee.network, svs_ipv6.self) else { return false }
      change.replace(ip.pointee.src, by: ends.source.pointee)
      change.replace(ip.pointee.dst, by: ends.destination.pointee)
      ip.pointee.hops = frame.pointee.ttl &- 1
      ip.pointee.src = ends.source.pointee
      ip.pointee.dst = ends.destination.pointee
    }
    // SCTP's ports are translated already, and its checksum covers no addresses.
    if !plainly, frame.pointee.flow.proto == IPProtocol.sctp { return true }
    return exchangePorts(packet, frame, ends, &change)
  }

  /// Writes both ports of TCP or UDP, with the checksum for them and for what has changed before.
  @inlinable @inline(__always)
  func exchangePorts(_ packet: Packet, _ frame: UnsafePointer<Frame>, _ ends: Ends, _ change: inout Checksum) -> Bool {
    let transport = frame.pointee.transport
    // Both protocols begin with their ports.
    guard let ports = packet.at(dynamic: transport, UInt32.self) else { return false }
    change.replace(ports.pointee, by: ends.ports)
    ports.pointee = ends.ports
    let isTCP = frame.pointee.flow.proto == IPProtocol.tcp
    guard let field = packet.at(dynamic: transport &+ (isTCP ? 16 : 6), UInt16.self) else { return false }
    var check = Checksum(updating: field.pointee)
    check.add(change)
    let value = check.field
    // RFC 768: zero would mean that there is no checksum.
    field.pointee = value == 0 && !isTCP ? 0xffff : value
    return true
  }

  /// As `exchange`, of a fragment: its time to live is counted down elsewhere, and only the first one has ports.
  @inlinable @inline(__always)
  func exchangeFragment(_ packet: Packet, _ frame: UnsafePointer<Frame>, _ ends: Ends, isFirst: Bool) -> Bool {
    var change = Checksum()
    if frame.pointee.flow.family == Family.ipv4 {
      guard let ip = packet.at(dynamic: frame.pointee.network, svs_ipv4.self) else { return false }
      var check = Checksum(updating: ip.pointee.check)
      change.replace(ip.pointee.src, by: ends.source.pointee.w0)
      change.replace(ip.pointee.dst, by: ends.destination.pointee.w0)
      check.add(change)
      ip.pointee.check = check.field
      ip.pointee.src = ends.source.pointee.w0
      ip.pointee.dst = ends.destination.pointee.w0
    } else {
      guard let ip = packet.at(dynamic: frame.pointee.network, svs_ipv6.self) else { return false }
      change.replace(ip.pointee.src, by: ends.source.pointee)
      change.replace(ip.pointee.dst, by: ends.destination.pointee)
      ip.pointee.src = ends.source.pointee
      ip.pointee.dst = ends.destination.pointee
    }
    if !isFirst { return true }
    if frame.pointee.flow.proto == IPProtocol.udp {
      guard let field = packet.at(dynamic: frame.pointee.transport &+ 6, UInt16.self),
        let ports = packet.at(dynamic: frame.pointee.transport, UInt32.self)
      else { return false }
      // The sum spans fragments that are elsewhere: one that is absent stays so.
      if field.pointee == 0 {
        ports.pointee = ends.ports
        return true
      }
    }
    return exchangePorts(packet, frame, ends, &change)
  }

  /// Translates what NAT and FULLNAT change of SCTP: ports, and the checksum with them.
  @inlinable @inline(__always)
  func translateSCTP(
    _ packet: Packet, _ frame: UnsafePointer<Frame>, _ c: UnsafeMutablePointer<svs_connection>,
    _ reference: FlowReference
  ) -> Bool {
    guard let ends = Ends(c, reference, platform),
      let ports = packet.at(dynamic: frame.pointee.transport, UInt32.self)
    else { return false }
    let difference = ports.pointee ^ ends.ports
    if difference == 0 { return true }
    let header = UInt32(truncatingIfNeeded: frame.pointee.transport &- frame.pointee.network)
    let change = platform.changeOfCRC32C(difference, length: frame.pointee.length &- header)
    guard let sctp = packet.at(dynamic: frame.pointee.transport, svs_sctp.self) else { return false }
    sctp.pointee.check ^= change
    sctp.pointee.sport = UInt16(truncatingIfNeeded: ends.ports)
    sctp.pointee.dport = UInt16(truncatingIfNeeded: ends.ports >> 16)
    return true
  }
}
