import Glibc

/// The same member for the same client address, by weighted rendezvous hashing.
///
/// Each client ranks all members by itself. When one goes, its clients alone move; when it is back, they return
/// (Thaler and Ravishankar 1998; weights by -w / ln u, Schindelhauer and Schomaker 2005).
enum SourceHash {
  /// O(members).
  static func pick(_ client: ClientAddress, weights: [Int], ids: [UInt64], isUsable: (Int) -> Bool) -> Int? {
    let key = StableHash.of(client.bytes)
    var best: Int?
    var most = 0.0
    for index in weights.indices where weights[index] > 0 && isUsable(index) {
      let bits = StableHash.mix(key ^ StableHash.mix(ids[index])) >> 11
      // In the open interval from 0 to 1: the logarithm is neither 0 nor infinite.
      let share = (Double(bits) + 0.5) / 9_007_199_254_740_992
      let score = -Double(weights[index]) / log(share)
      if best == nil || score > most { (best, most) = (index, score) }
    }
    return best
  }
}

/// A hash that is the same in every process and on every machine, which Swift's own is not.
enum StableHash {
  /// FNV-1a of 64 bits, then mixed, as its high bits alone are weak.
  static func of(_ bytes: some Sequence<UInt8>) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return mix(hash)
  }

  /// The finalizer of SplitMix64: every bit of the result depends on every bit of the word.
  static func mix(_ word: UInt64) -> UInt64 {
    var mixed = word &+ 0x9e37_79b9_7f4a_7c15
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
