/// EtherTypes as they stand in a frame, in network byte order (IEEE 802 Numbers, IANA).
public enum EtherType {
  @inlinable public static var ipv4: UInt16 { UInt16(0x0800).bigEndian }
  @inlinable public static var ipv6: UInt16 { UInt16(0x86dd).bigEndian }
  @inlinable public static var vlan: UInt16 { UInt16(0x8100).bigEndian }
  @inlinable public static var serviceVLAN: UInt16 { UInt16(0x88a8).bigEndian }
}

/// IP protocol numbers the packet path tells apart.
public enum IPProtocol {
  @inlinable public static var hopByHop: UInt8 { 0 }
  @inlinable public static var icmp: UInt8 { 1 }
  @inlinable public static var ipip: UInt8 { 4 }
  @inlinable public static var tcp: UInt8 { 6 }
  @inlinable public static var udp: UInt8 { 17 }
  @inlinable public static var ipv6: UInt8 { 41 }
  @inlinable public static var routing: UInt8 { 43 }
  @inlinable public static var fragment: UInt8 { 44 }
  @inlinable public static var gre: UInt8 { 47 }
  @inlinable public static var icmpv6: UInt8 { 58 }
  @inlinable public static var destinationOptions: UInt8 { 60 }
  @inlinable public static var sctp: UInt8 { 132 }
}

/// Address families by Linux's numbers, so that they travel to the kernel's look-ups unchanged.
public enum Family {
  @inlinable public static var ipv4: UInt8 { 2 }
  @inlinable public static var ipv6: UInt8 { 10 }
}

/// Flags of a TCP header (RFC 9293, section 3.1).
public struct TCPFlags: OptionSet, Sendable {
  public let rawValue: UInt8
  @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue }
  @inlinable public static var fin: TCPFlags { TCPFlags(rawValue: 1) }
  @inlinable public static var syn: TCPFlags { TCPFlags(rawValue: 2) }
  @inlinable public static var rst: TCPFlags { TCPFlags(rawValue: 4) }
  @inlinable public static var ack: TCPFlags { TCPFlags(rawValue: 16) }

  @inlinable var isDisjointFromRSTSYNFIN: Bool { @inline(__always) get { rawValue & 0b111 == 0 } }
  /// ACK, and nothing else that moves a connection's state.
  @inlinable var isPlainACK: Bool { @inline(__always) get { rawValue & 0b1_0111 == 0b1_0000 } }
}

/// Chunks of SCTP that move an association's state (RFC 9260, section 3.2).
public enum SCTPChunk {
  @inlinable public static var data: UInt8 { 0 }
  @inlinable public static var initiation: UInt8 { 1 }
  @inlinable public static var initiationAck: UInt8 { 2 }
  @inlinable public static var selectiveAck: UInt8 { 3 }
  @inlinable public static var abort: UInt8 { 6 }
  @inlinable public static var shutdown: UInt8 { 7 }
  @inlinable public static var shutdownAck: UInt8 { 8 }
  @inlinable public static var error: UInt8 { 9 }
  @inlinable public static var cookieEcho: UInt8 { 10 }
  @inlinable public static var cookieAck: UInt8 { 11 }
  @inlinable public static var shutdownComplete: UInt8 { 14 }
}

/// What becomes of a frame; the numbers are XDP's return codes.
public enum Verdict: Int32 {
  case aborted = 0
  case drop
  case pass
  case transmit
  case redirect
}
