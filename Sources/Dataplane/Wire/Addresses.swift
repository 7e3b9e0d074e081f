import DataplaneTypes

// What C's records begin with as Swift imports them is cleared byte by byte in the kernel; these are stores of words.

extension svs_mac {
  @inlinable public static var zero: svs_mac { @inline(__always) get { svs_mac(a: 0, b: 0, c: 0) } }
}

extension svs_macs {
  @inlinable public static var zero: svs_macs { @inline(__always) get { svs_macs(w0: 0, w1: 0, w2: 0) } }

  @inlinable @inline(__always)
  public init(destination d: svs_mac, source s: svs_mac) {
    self.init(
      w0: UInt32(d.a) | UInt32(d.b) << 16, w1: UInt32(d.c) | UInt32(s.a) << 16, w2: UInt32(s.b) | UInt32(s.c) << 16)
  }
}

// Hashing reads words: a word written in parts would stall the look-up until all of them are in the cache.
extension svs_flow_key {
  @inlinable public static var empty: svs_flow_key {
    @inline(__always) get { svs_flow_key(src: .zero, dst: .zero, ports: 0, kind: 0) }
  }

  @inlinable @inline(__always)
  public init(src: svs_addr, dst: svs_addr, sport: UInt16, dport: UInt16, proto: UInt8, family: UInt8) {
    self.init(
      src: src, dst: dst, ports: Self.ports(sport, dport), kind: Self.kind(proto, family))
  }

  @inlinable @inline(__always) static func ports(_ source: UInt16, _ destination: UInt16) -> UInt32 {
    UInt32(source) | UInt32(destination) << 16
  }

  @inlinable @inline(__always) static func kind(_ proto: UInt8, _ family: UInt8) -> UInt32 {
    UInt32(proto) | UInt32(family) << 8
  }

  @inlinable public var sport: UInt16 { @inline(__always) get { UInt16(truncatingIfNeeded: ports) } }
  @inlinable public var dport: UInt16 { @inline(__always) get { UInt16(truncatingIfNeeded: ports >> 16) } }
  @inlinable public var proto: UInt8 { @inline(__always) get { UInt8(truncatingIfNeeded: kind) } }
  @inlinable public var family: UInt8 { @inline(__always) get { UInt8(truncatingIfNeeded: kind >> 8) } }
}

extension svs_locality_key {
  @inlinable static var none: svs_locality_key {
    @inline(__always) get { svs_locality_key(destination: .zero, service: 0, family: 0) }
  }
}

extension svs_addr {
  @inlinable public static var zero: svs_addr { @inline(__always) get { svs_addr(w0: 0, w1: 0, w2: 0, w3: 0) } }

  @inlinable @inline(__always) public init(ipv4 word: UInt32) { self.init(w0: word, w1: 0, w2: 0, w3: 0) }

  @inlinable @inline(__always) public static func == (a: svs_addr, b: svs_addr) -> Bool {
    (a.w0 ^ b.w0) | (a.w1 ^ b.w1) | (a.w2 ^ b.w2) | (a.w3 ^ b.w3) == 0
  }

  @inlinable public var isZero: Bool {
    @inline(__always) get { w0 | w1 | w2 | w3 == 0 }
  }

  /// The four words folded into one; of an IPv4 address, itself.
  @inlinable public var fold: UInt32 {
    @inline(__always) get { w0 ^ w1 ^ w2 ^ w3 }
  }
}
