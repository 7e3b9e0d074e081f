import Dataplane
import DataplaneTesting
import Testing

struct ChecksumTests {
  @Test func updatingIsTheSameAsSummingAnew() {
    var random = SeededGenerator(seed: 7)
    for _ in 0..<10_000 {
      var bytes = (0..<40).map { _ in UInt8.random(in: 0...255, using: &random) }
      let before = internetChecksum(bytes)
      let at = Int.random(in: 0..<20, using: &random) * 2
      let old = UInt16(bytes[at]) << 8 | UInt16(bytes[at + 1])
      let new = UInt16.random(in: 0...65_535, using: &random)
      bytes[at] = UInt8(new >> 8)
      bytes[at + 1] = UInt8(new & 255)
      var checksum = Checksum(updating: before)
      checksum.replace(old, by: new)
      // RFC 1624: an update may give the other zero; both mean the same.
      let after = internetChecksum(bytes)
      #expect(checksum.field == after || (checksum.field ^ after) == 0xffff && (after == 0 || after == 0xffff))
    }
  }
}
