import Netlink

extension IPAddress {
  /// The address as one number, of 32 bits for IPv4 and 128 for IPv6.
  var number: UInt128 { bytes.reduce(0) { $0 << 8 | UInt128($1) } }

  /// The lowest bits of the number, as many as the family has.
  init(number: UInt128, family: Family) {
    let words = (0..<4).map { position in
      UInt32(truncatingIfNeeded: number >> UInt128(96 - 32 * position)).bigEndian
    }
    self.init(family: family, words: family == .ipv4 ? (words[3], 0, 0, 0) : (words[0], words[1], words[2], words[3]))
  }
}

extension IPPrefix {
  /// The numbers of the first and the last address.
  var numbers: ClosedRange<UInt128> {
    let first = network.address.number
    return first...first | (Self.size(of: length, in: address.family) &- 1)
  }

  /// How many addresses a prefix of this length has; 0 stands for 2 to the power of 128.
  static func size(of length: UInt8, in family: IPAddress.Family) -> UInt128 {
    (1 as UInt128) << UInt128((family == .ipv4 ? 32 : 128) - Int(length))
  }
}
