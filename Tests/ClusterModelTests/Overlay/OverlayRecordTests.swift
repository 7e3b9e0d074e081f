import Netlink
import Testing

@testable import ClusterModel

@Suite struct OverlayRecordTests {
  @Test func aRecordIsReadBack() throws {
    let record = try example()
    #expect(try OverlayRecord(text: record.text, file: "f") == record)
    #expect(try OverlayRecord(text: OverlayRecord().text, file: "f") == OverlayRecord())
  }

  @Test func theFormIsStable() throws {
    #expect(
      try example().text == """
        svs overlay 1
        mac 02:00:00:00:00:01
        mac6 02:00:00:00:00:06
        device flannel.1
        address flannel.1 10.244.1.0/32
        fdb flannel.1 02:aa:00:00:00:02 192.168.0.53
        neighbour flannel.1 10.244.2.0 02:aa:00:00:00:02
        route ext0 10.244.3.0/24 192.168.0.54
        route flannel.1 10.244.2.0/24 10.244.2.0 onlink

        """)
  }

  @Test(arguments: [
    ("", 1), ("svs overlay 2\n", 1), ("svs overlay 1\nmac x\n", 2), ("svs overlay 1\n\nroute a b c\n", 3),
    ("svs overlay 1\ndevice \n", 2), ("svs overlay 1\nroute e 10.0.0.0/8 1.2.3.4 offlink\n", 2),
    ("svs overlay 1\nunknown 1 2\n", 2),
  ])
  func whatIsNoRecordIsRefusedWithThePlace(_ text: String, _ line: Int) throws {
    let fault = #expect(throws: OverlayRecordFault.self) { try OverlayRecord(text: text, file: "/run/x") }
    #expect(fault?.line == line)
    #expect(fault?.description.hasPrefix("/run/x:\(line): ") == true)
  }

  /// Damaged records are read or refused, never worse; and what is read is written and read back the same.
  @Test func damagedRecords() throws {
    var random = SplitMix(seed: 0x5EED)
    let whole = Array(try example().text.utf8)
    var refused = 0
    for _ in 0..<5000 {
      var bytes = whole
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        let place = Int.random(in: 0..<max(1, bytes.count), using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1...20, using: &random)))
        case 2: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
        default: bytes.insert(contentsOf: whole.prefix(place), at: place)
        }
        if bytes.isEmpty { bytes = [10] }
      }
      do {
        let record = try OverlayRecord(text: String(decoding: bytes, as: UTF8.self), file: "f")
        #expect(try OverlayRecord(text: record.text, file: "f") == record)
      } catch {
        refused += 1
      }
    }
    #expect(refused > 1000)
  }

  private func example() throws -> OverlayRecord {
    let mac = try #require(MACAddress("02:aa:00:00:00:02"))
    let base = try #require(IPAddress("10.244.2.0"))
    return OverlayRecord(
      mac: MACAddress("02:00:00:00:00:01"), ipv6MAC: MACAddress("02:00:00:00:00:06"), devices: ["flannel.1"],
      entries: [
        .address(try #require(IPPrefix("10.244.1.0/32")), device: "flannel.1"),
        .neighbour(base, mac, device: "flannel.1"),
        .forwarding(mac, to: try #require(IPAddress("192.168.0.53")), device: "flannel.1"),
        .route(OverlayRoute(to: IPPrefix(base, length: 24), via: base, device: "flannel.1", isOnLink: true)),
        .route(
          OverlayRoute(
            to: try #require(IPPrefix("10.244.3.0/24")), via: try #require(IPAddress("192.168.0.54")), device: "ext0",
            isOnLink: false)),
      ])
  }
}

/// A generator with a seed, so that what failed fails again.
struct SplitMix: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var word = state
    word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
    return word ^ (word >> 31)
  }
}
