/// SipHash with one round a block and three at the end (Aumasson, Bernstein: "SipHash", 2012), of one 32-bit word.
@usableFromInline
enum SipHash13 {
  /// - Parameter key: both halves of the key.
  @inlinable @inline(__always)
  static func hash(_ word: UInt32, key: UInt64) -> UInt32 {
    var state = State(
      a: 0x736f_6d65_7073_6575 ^ key, b: 0x646f_7261_6e64_6f6d ^ key, c: 0x6c79_6765_6e65_7261 ^ key,
      d: 0x7465_6462_7974_6573 ^ key)
    let block = UInt64(4) << 56 | UInt64(word)
    state.d ^= block
    state.round()
    state.a ^= block
    state.c ^= 0xff
    state.round()
    state.round()
    state.round()
    return UInt32(truncatingIfNeeded: state.a ^ state.b ^ state.c ^ state.d)
  }

  @usableFromInline
  struct State {
    @usableFromInline var a, b, c, d: UInt64

    @inlinable @inline(__always)
    init(a: UInt64, b: UInt64, c: UInt64, d: UInt64) {
      self.a = a
      self.b = b
      self.c = c
      self.d = d
    }

    @inlinable @inline(__always)
    mutating func round() {
      a &+= b
      b = Self.rotated(b, 13) ^ a
      a = Self.rotated(a, 32)
      c &+= d
      d = Self.rotated(d, 16) ^ c
      a &+= d
      d = Self.rotated(d, 21) ^ a
      c &+= b
      b = Self.rotated(b, 17) ^ c
      c = Self.rotated(c, 32)
    }

    @inlinable @inline(__always)
    static func rotated(_ x: UInt64, _ n: UInt64) -> UInt64 { x &<< n | x &>> (64 &- n) }
  }
}
