/// The checksum of SCTP, CRC32c (RFC 9260, appendix A), brought up to date where a word of the packet changes.
///
/// A CRC is linear: what a change at the packet's beginning adds to it depends on that change and on how many bytes
/// come after, not on those bytes. So nothing but the header is read. Polynomials over GF(2) stand with x^0 in the
/// highest bit.
public enum CRC32C {
  /// What a change of a packet's first word, as it stands in memory, adds to the checksum, as it stands in memory.
  ///
  /// - Parameters:
  ///   - length: bytes of the packet, at most 65,535.
  ///   - multiply: `multiply`, or what stands for it.
  @inlinable @inline(__always)
  public static func change(
    _ difference: UInt32, length: UInt32, multiplying multiply: (UInt32, UInt32) -> UInt32 = multiply
  ) -> UInt32 {
    var change = difference
    for bit in 0..<16 where length >> UInt32(bit) & 1 != 0 {
      change = multiply(change, power(bit))
    }
    return change
  }

  @inlinable @inline(__always)
  public static func multiply(_ a: UInt32, _ b: UInt32) -> UInt32 {
    var product: UInt32 = 0
    var shifted = b
    for i in 0..<32 {
      product ^= shifted & (0 &- (a >> UInt32(31 &- i) & 1))
      shifted = shifted >> 1 ^ (0x82f6_3b78 & (0 &- (shifted & 1)))
    }
    return product
  }

  /// x to the power of 8 × 2^bit, modulo the polynomial: as many bytes of zeros.
  @inlinable @inline(__always)
  static func power(_ bit: Int) -> UInt32 {
    switch bit {
    case 0: 0x0080_0000
    case 1: 0x0000_8000
    case 2: 0x82f6_3b78
    case 3: 0x6ea2_d55c
    case 4: 0x18b8_ea18
    case 5: 0x510a_c59a
    case 6: 0xb82b_e955
    case 7: 0xb8fd_b1e7
    case 8: 0x88e5_6f72
    case 9: 0x74c3_60a4
    case 10: 0xe417_2b16
    case 11: 0x0d65_762a
    case 12: 0x35d7_3a62
    case 13: 0x2846_1564
    case 14: 0xbf45_5269
    default: 0xe2ea_32dc
    }
  }
}
