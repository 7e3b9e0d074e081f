import DataplaneTypes

extension svs_addr {
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
