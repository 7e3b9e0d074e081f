/// Names of cookies that keep clients with their servers.
enum StickyCookieName {
  /// The name where none is given, as Traefik makes it: five digits of a hash, so that services do not share one.
  static func standard(service: String) -> String {
    let hash = SHA1.digest(Array("_TRAEFIK_BACKEND_\(service)".utf8))
    let digits = hash.prefix(3).map { byte in
      let text = String(byte, radix: 16)
      return text.count == 1 ? "0\(text)" : text
    }.joined()
    return "_\(digits.prefix(5))"
  }

  /// The name as given, an underscore in place of what no name of a cookie has (RFC 6265, RFC 9110 token), as Traefik
  /// does.
  static func allowed(_ name: String) -> String {
    String(
      name.map { character in
        guard let byte = character.asciiValue, byte > 0x20, byte < 0x7f,
          !"\"(),/:;<=>?@[\\]{}".utf8.contains(byte)
        else { return "_" }
        return character
      })
  }
}

/// The hash of FIPS 180-4; for names, not for secrets.
enum SHA1 {
  static func digest(_ message: [UInt8]) -> [UInt8] {
    var padded = message + [0x80]
    while padded.count % 64 != 56 { padded.append(0) }
    let length = UInt64(message.count) * 8
    padded += stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: length >> UInt64($0)) }

    var state: [UInt32] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0]
    for block in stride(from: 0, to: padded.count, by: 64) {
      var words = (0..<16).map { index in
        padded[(block + index * 4)..<(block + index * 4 + 4)].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
      }
      for index in 16..<80 {
        words.append(rotate(words[index - 3] ^ words[index - 8] ^ words[index - 14] ^ words[index - 16], 1))
      }
      var (a, b, c, d, e) = (state[0], state[1], state[2], state[3], state[4])
      for (index, word) in words.enumerated() {
        let (mixed, constant): (UInt32, UInt32) =
          switch index {
          case ..<20: (b & c | ~b & d, 0x5a82_7999)
          case ..<40: (b ^ c ^ d, 0x6ed9_eba1)
          case ..<60: (b & c | b & d | c & d, 0x8f1b_bcdc)
          default: (b ^ c ^ d, 0xca62_c1d6)
          }
        let next = rotate(a, 5) &+ mixed &+ e &+ constant &+ word
        (a, b, c, d, e) = (next, a, rotate(b, 30), c, d)
      }
      for (index, value) in [a, b, c, d, e].enumerated() { state[index] &+= value }
    }
    return state.flatMap { word in [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: word >> $0) } }
  }

  private static func rotate(_ word: UInt32, _ bits: UInt32) -> UInt32 { word << bits | word >> (32 - bits) }
}
