import DataplaneTypes

/// How the server of a FULLNAT connection learns of the client behind the director's address.
public enum Disclosure {
  /// An option of the first segments, kind 254 (RFC 4727 keeps it for experiments): the client's port and address.
  @inlinable public static var toa: UInt8 { UInt8(SVS_DISCLOSE_TOA) }
  /// A line before the stream (HAProxy's PROXY protocol, version 1).
  @inlinable public static var proxy1: UInt8 { UInt8(SVS_DISCLOSE_PROXY_1) }
  /// A binary header before the stream (version 2).
  @inlinable public static var proxy2: UInt8 { UInt8(SVS_DISCLOSE_PROXY_2) }

  @inlinable @inline(__always)
  static func kind(_ disclosure: UInt8) -> UInt8 { disclosure & UInt8(SVS_DISCLOSE_KIND) }

  @inlinable @inline(__always)
  static func isProxy(_ disclosure: UInt8) -> Bool { kind(disclosure) >= proxy1 }

  /// Whether TOA options that come from the client are for the server to see.
  @inlinable @inline(__always)
  static func keepsTOA(_ disclosure: UInt8) -> Bool { disclosure & UInt8(SVS_DISCLOSE_KEEP) != 0 }

  /// Whether segments of a new connection have to be looked at.
  @inlinable @inline(__always)
  static func amends(_ disclosure: UInt8) -> Bool { disclosure != UInt8(SVS_DISCLOSE_KEEP) }

  /// Bytes that a connection's server is told more than its client said, in the segments that tell it.
  @inlinable @inline(__always)
  static func size(_ exchange: UnsafeMutablePointer<svs_exchange>, _ family: UInt8) -> UInt32 {
    if isProxy(exchange.pointee.disclosure) { return UInt32(exchange.pointee.greeting) }
    return kind(exchange.pointee.disclosure) == toa ? optionSize(family) : 0
  }

  /// Bytes of the TOA option.
  @inlinable @inline(__always)
  static func optionSize(_ family: UInt8) -> UInt32 { family == Family.ipv4 ? 8 : 20 }
}

/// Options of TCP that are looked for, by their kinds (IANA, TCP Parameters).
public enum TCPOption {
  @inlinable static var end: UInt8 { 0 }
  @inlinable static var none: UInt8 { 1 }
  @inlinable static var maximumSegmentSize: UInt8 { 2 }
  @inlinable static var selectiveAck: UInt8 { 5 }
  @inlinable static var fastOpen: UInt8 { 34 }
  @inlinable public static var toa: UInt8 { 254 }
  /// What Linux sends with most segments: two fillers, and a timestamp of ten bytes. As it stands in memory.
  @inlinable static var timestampOnly: UInt32 { UInt32(0x0101_080a).bigEndian }
}
