import DataplaneTypes

/// SCTP (RFC 9260): what its headers say, and how an association moves.
extension UnsafeMutablePointer where Pointee == Frame {
  /// Reads the IP header of a packet that is not one of `Frame.parse`'s flows. False for fragments and nonsense.
  @inlinable @inline(__always)
  func readNetwork(_ packet: Packet) -> Bool {
    if pointee.flow.family == Family.ipv4 {
      guard let ip = packet.at(dynamic: pointee.network, svs_ipv4.self) else { return false }
      let header = Int(ip.pointee.version_ihl & 15) &* 4
      guard header >= 20, ip.pointee.fragment & UInt16(0x3fff).bigEndian == 0 else { return false }
      pointee.transport = pointee.network &+ header
      pointee.length = UInt32(UInt16(bigEndian: ip.pointee.length))
      pointee.ttl = ip.pointee.ttl
      pointee.dontFragment = ip.pointee.fragment & UInt16(0x4000).bigEndian != 0
      pointee.flow.src = svs_addr(ipv4: ip.pointee.src)
      pointee.flow.dst = svs_addr(ipv4: ip.pointee.dst)
    }
    return Int(pointee.length) &+ pointee.network <= packet.count
  }

  /// Reads SCTP's ports and what its first chunk says.
  @inlinable @inline(__always)
  func readChunks(_ packet: Packet) -> Bool {
    let transport = pointee.transport
    guard let sctp = packet.at(dynamic: transport, svs_sctp.self),
      Int(pointee.length) >= transport &- pointee.network &+ 16
    else { return false }
    pointee.flow.ports = svs_flow_key.ports(sctp.pointee.sport, sctp.pointee.dport)
    var chunk = sctp.pointee.chunk
    pointee.flags = chunk == SCTPChunk.initiation ? .syn : TCPFlags()
    if chunk == SCTPChunk.cookieEcho || chunk == SCTPChunk.cookieAck {
      // RFC 9260, section 3.3.7: other chunks stand before an ABORT that they share a packet with.
      let size = (Int(UInt16(bigEndian: sctp.pointee.chunk_length)) &+ 3) & 0x7fc
      if let next = packet.at(dynamic: transport &+ 12 &+ size, svs_vlan.self),
        UInt8(truncatingIfNeeded: next.pointee.tci) == SCTPChunk.abort
      {
        chunk = SCTPChunk.abort
      }
    }
    pointee.chunk = chunk
    return true
  }
}

extension ConnectionTable {
  /// As `advance`, for SCTP.
  @inlinable @inline(__always)
  func advanceSCTP(
    _ c: UnsafeMutablePointer<svs_connection>, _ reference: FlowReference, _ chunk: UInt8, now tick: UInt32
  ) -> Bool {
    let inputOnly = !Method.translates(c.pointee.method)
    for _ in 0..<2 {
      let word = StateWord(bits: c.pointee.word)
      if word.generation != reference.generation || word.isDead { return false }
      let state = SCTPStateMachine.next(word.state, chunk, fromServer: reference.fromServer, inputOnly: inputOnly)
      let inactive = state != SCTPState.established
      let new = StateWord(
        expiry: tick &+ SCTPState.timeout(state), generation: word.generation, state: state, inactive: inactive)
      if new.bits == word.bits { return true }
      if c.pointer(to: \.word).unsafelyUnwrapped.compareExchange(word.bits, new.bits) {
        if word.isInactive != inactive, let server = platform.servers.find(c.pointee.server) {
          recount(server, fromInactive: word.isInactive)
        }
        if c.pointee.control != 0, !inactive { assure(c.pointee.control) }
        return true
      }
    }
    return true
  }
}
