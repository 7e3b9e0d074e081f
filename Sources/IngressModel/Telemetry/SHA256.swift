/// SHA-256 (FIPS 180-4), for the Content-Security-Policy of a page made once; not for secrets, not fast.
enum SHA256 {
  private static let rounds: [UInt32] = primes(64).map { fraction(ofRoot: 3, of: $0) }
  private static let start: [UInt32] = primes(8).map { fraction(ofRoot: 2, of: $0) }

  static func hash(_ message: [UInt8]) -> [UInt8] {
    var padded = message + [0x80]
    while padded.count % 64 != 56 { padded.append(0) }
    let bits = UInt64(message.count) * 8
    for shift in stride(from: 56, through: 0, by: -8) { padded.append(UInt8(truncatingIfNeeded: bits >> shift)) }

    var state = start
    for block in stride(from: 0, to: padded.count, by: 64) {
      var words = (0..<16).map { word in
        (0..<4).reduce(UInt32(0)) { $0 << 8 | UInt32(padded[block + word * 4 + $1]) }
      }
      for index in 16..<64 {
        let a = words[index - 15]
        let b = words[index - 2]
        let small = rotate(a, 7) ^ rotate(a, 18) ^ (a >> 3)
        let large = rotate(b, 17) ^ rotate(b, 19) ^ (b >> 10)
        words.append(words[index - 16] &+ small &+ words[index - 7] &+ large)
      }
      state = zip(state, compress(state, words)).map { $0 &+ $1 }
    }
    return state.flatMap { word in [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: word >> UInt32($0)) } }
  }

  private static func compress(_ state: [UInt32], _ words: [UInt32]) -> [UInt32] {
    var v = state
    for index in 0..<64 {
      let choice = (v[4] & v[5]) ^ (~v[4] & v[6])
      let majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2])
      let high = rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25)
      let low = rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22)
      let first = v[7] &+ high &+ choice &+ rounds[index] &+ words[index]
      v = [first &+ low &+ majority, v[0], v[1], v[2], v[3] &+ first, v[4], v[5], v[6]]
    }
    return v
  }

  private static func rotate(_ word: UInt32, _ count: UInt32) -> UInt32 { word >> count | word << (32 - count) }

  private static func primes(_ count: Int) -> [UInt64] {
    var found: [UInt64] = []
    var candidate: UInt64 = 2
    while found.count < count {
      if found.allSatisfy({ candidate % $0 != 0 }) { found.append(candidate) }
      candidate += 1
    }
    return found
  }

  /// The first 32 bits behind the point of a square or cubic root: the standard's constants, found bit by bit.
  private static func fraction(ofRoot degree: Int, of number: UInt64) -> UInt32 {
    // The greatest x with x^degree <= number * 2^(32 * degree).
    let target = UInt128(number) << UInt128(32 * degree)
    var root: UInt128 = 0
    for bit in stride(from: 36, through: 0, by: -1) {
      let trial = root | (UInt128(1) << UInt128(bit))
      if (0..<degree).reduce(UInt128(1), { power, _ in power * trial }) <= target { root = trial }
    }
    return UInt32(truncatingIfNeeded: root)
  }
}
