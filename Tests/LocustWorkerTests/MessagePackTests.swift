import Testing

@testable import LocustWorker

@Suite struct MessagePackTests {
  /// Bytes by the specification's table of formats.
  @Test(
    arguments: [
      (MessagePack.none, [0xC0]), (.bool(true), [0xC3]), (.bool(false), [0xC2]), (.int(0), [0]), (.int(127), [0x7F]),
      (.int(-32), [0xE0]), (.int(-33), [0xD0, 0xDF]), (.int(128), [0xCC, 0x80]), (.int(256), [0xCD, 1, 0]),
      (.int(65536), [0xCE, 0, 1, 0, 0]), (.int(-129), [0xD1, 0xFF, 0x7F]),
      (.int(-32769), [0xD2, 0xFF, 0xFF, 0x7F, 0xFF]),
      (.int(.min), [0xD3, 0x80, 0, 0, 0, 0, 0, 0, 0]), (.int(1 << 32), [0xCF, 0, 0, 0, 1, 0, 0, 0, 0]),
      (.uint(.max), [0xCF, 255, 255, 255, 255, 255, 255, 255, 255]),
      (.double(1.5), [0xCB, 0x3F, 0xF8, 0, 0, 0, 0, 0, 0]),
      (.string("ab"), [0xA2, 0x61, 0x62]), (.binary([1]), [0xC4, 1, 1]), (.array([.int(1)]), [0x91, 1]),
      (.map([.init(.int(1), .none)]), [0x81, 1, 0xC0]), (.other(type: -1, [7]), [0xC7, 1, 0xFF, 7]),
    ] as [(MessagePack, [UInt8])])
  func formats(_ value: MessagePack, _ bytes: [UInt8]) throws {
    #expect(value.bytes == bytes)
    #expect(try MessagePack(decoding: bytes) == value)
  }

  @Test func formsThatOthersSend() throws {
    #expect(try MessagePack(decoding: [0xCA, 0x3F, 0xC0, 0, 0]) == .double(1.5))
    #expect(try MessagePack(decoding: [0xD4, 5, 9]) == .other(type: 5, [9]))
    #expect(try MessagePack(decoding: [0xDE, 0, 1, 0xA1, 0x61, 2])["a"] == .int(2))
  }

  @Test(
    arguments: [
      ([], MessagePack.Malformed.tooShort), ([0xA2, 0x61], .tooShort), ([0xC1], .type(0xC1)), ([1, 1], .tooLong),
      ([0xDD, 0xFF, 0xFF, 0xFF, 0xFF], .tooShort), ([0xDF, 0xFF, 0xFF, 0xFF, 0xFF, 1], .tooShort),
      ([0xC6, 0xFF, 0xFF, 0xFF, 0xFF], .tooShort), ([0xA1, 0xFF], .text),
      (Array(repeating: 0x91, count: 100_000), .tooDeep),
    ] as [([UInt8], MessagePack.Malformed)])
  func refuses(_ bytes: [UInt8], _ problem: MessagePack.Malformed) {
    #expect(throws: problem) { try MessagePack(decoding: bytes) }
  }

  static func value(_ random: inout some RandomNumberGenerator, depth: Int = 0) -> MessagePack {
    let size = [0, 1, 15, 16, 31, 32, 200, 300][Int.random(in: 0..<8, using: &random)]
    switch Int.random(in: 0..<(depth < 3 ? 9 : 7), using: &random) {
    case 0: return .none
    case 1: return .bool(Bool.random(using: &random))
    case 2: return .int(Int64.random(in: .min ... .max, using: &random) >> Int64.random(in: 0..<64, using: &random))
    case 3: return .double(Double.random(in: -1e9...1e9, using: &random))
    case 4: return .string(String(repeating: "ü", count: size))
    case 5: return .binary(Array(repeating: 7, count: size))
    case 6: return .uint(UInt64.random(in: (1 << 63)...UInt64.max, using: &random))
    case 7: return .array((0..<min(size, 20)).map { _ in value(&random, depth: depth + 1) })
    default:
      return .map((0..<min(size, 20)).map { .init(.int(Int64($0)), value(&random, depth: depth + 1)) })
    }
  }

  @Test(arguments: 0..<4)
  func fuzz(seed: UInt64) throws {
    var random = Seeded(seed)
    for _ in 0..<500 {
      let value = Self.value(&random)
      let bytes = value.bytes
      #expect(try MessagePack(decoding: bytes) == value)
      if bytes.count > 1 {
        #expect(throws: MessagePack.Malformed.self) { try MessagePack(decoding: Array(bytes.dropLast())) }
      }
      var broken = bytes
      for _ in 0..<3 {
        broken[Int.random(in: 0..<broken.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      // What can still be read can be written and read again.
      if let read = try? MessagePack(decoding: broken), !"\(read)".contains("nan") {
        #expect(try MessagePack(decoding: read.bytes) == read)
      }
    }
  }
}

/// SplitMix64, so that a failure can be made again.
struct Seeded: RandomNumberGenerator {
  private var state: UInt64
  init(_ seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
