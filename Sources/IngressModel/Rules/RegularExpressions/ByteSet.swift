/// A set of bytes: what one step of a regular expression accepts.
struct ByteSet: Hashable, Sendable {
  private var words: SIMD4<UInt64> = .zero

  init() {}

  init(_ bytes: some Sequence<UInt8>) {
    for byte in bytes { insert(byte) }
  }

  static let digits = ByteSet(UInt8(ascii: "0")...UInt8(ascii: "9"))
  static let upper = ByteSet(UInt8(ascii: "A")...UInt8(ascii: "Z"))
  static let lower = ByteSet(UInt8(ascii: "a")...UInt8(ascii: "z"))
  static let word = digits.union(upper).union(lower).union(ByteSet([UInt8(ascii: "_")]))
  /// Go's `\s`, which knows no vertical tab.
  static let space = ByteSet([0x09, 0x0a, 0x0c, 0x0d, 0x20])
  static let newline = ByteSet([0x0a])

  @inline(__always)
  func contains(_ byte: UInt8) -> Bool {
    words[Int(byte >> 6)] & (1 << UInt64(byte & 63)) != 0
  }

  mutating func insert(_ byte: UInt8) {
    words[Int(byte >> 6)] |= 1 << UInt64(byte & 63)
  }

  func union(_ other: ByteSet) -> ByteSet {
    var made = self
    made.words |= other.words
    return made
  }

  var inverted: ByteSet {
    var made = self
    made.words = ~words
    return made
  }

  /// With both cases of every ASCII letter that is in it.
  var ignoringCase: ByteSet {
    var made = self
    for letter in UInt8(ascii: "a")...UInt8(ascii: "z") where contains(letter) || contains(letter - 32) {
      made.insert(letter)
      made.insert(letter - 32)
    }
    return made
  }
}
