import ClusterModel
import Testing

@testable import LeaseStores

/// What needs no server.
@Suite struct EtcdPartsTests {
  @Test(arguments: [
    ("http://127.0.0.1:2379", "http://127.0.0.1:2379"), ("127.0.0.1", "http://127.0.0.1:2379"),
    ("https://etcd-1.example:443/", "https://etcd-1.example:443"), ("etcd:2380", "http://etcd:2380"),
    ("http://[fd00::1]:4001", "http://[fd00::1]:4001"), ("[::1]", "http://[::1]:2379"),
  ])
  func readsAddresses(text: String, written: String) throws {
    let endpoint = try #require(EtcdEndpoint(text))
    #expect(endpoint.description == written)
    #expect(EtcdEndpoint(written) == endpoint)
  }

  @Test(arguments: [
    "", "http://", "ftp://a", "a:0", "a:65536", "a:", "a:-1", "http://a/b", "[::1", "[a]", "::1", "a b", "a:1:2",
    "http://u@h", "a?x",
  ])
  func refusesAddresses(text: String) { #expect(EtcdEndpoint(text) == nil) }

  /// RFC 4648, section 10.
  @Test(arguments: [
    ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
    ("foobar", "Zm9vYmFy"), ("ä€😀", "w6Tigqzwn5iA"),
  ])
  func base64(text: String, code: String) {
    #expect(EtcdMessage.bytes(text) == .string(code))
    #expect(EtcdMessage.text(of: code) == text)
  }

  @Test(arguments: ["A", "AA", "AAA", "A===", "====", "AA=A", "A!==", "Zg==Zg==", "/w=="])
  func refusesWhatIsNoBase64(code: String) { #expect(EtcdMessage.text(of: code) == nil) }

  /// Answers of a server that is broken, or none of ours: read or refused, and no more.
  @Test func answersSurviveMutations() {
    var generator = Generator(state: 61)
    let seed =
      #"{"header":{"revision":"7"},"kvs":[{"key":"L24vc3VibmV0cy8xMC4yNDQuMS4wLTI0","mod_revision":"7","#
      + #""value":"eyJQdWJsaWNJUCI6IjEuMi4zLjQiLCJCYWNrZW5kVHlwZSI6Imhvc3QtZ3cifQ==","lease":"9"}],"count":"1"}"#
    var taken = 0
    for _ in 0..<5_000 {
      var bytes = Array(seed.utf8)
      for _ in 0..<Int.random(in: 1...3, using: &generator) {
        let position = Int.random(in: 0..<bytes.count, using: &generator)
        switch Int.random(in: 0..<3, using: &generator) {
        case 0: bytes[position] = Array("{}[]\":,0123456789AZaz=/\\\u{7f}".utf8).randomElement(using: &generator) ?? 0
        case 1: bytes.remove(at: position)
        default: bytes.removeSubrange(position..<min(bytes.count, position + 9))
        }
        if bytes.isEmpty { break }
      }
      guard let answer = try? JSONValue(parsing: bytes) else { continue }
      guard var content = try? EtcdContent(prefix: "/n", place: "here", answer: answer) else { continue }
      for pair in answer["kvs"]?.elements ?? [] {
        content.apply(.object([.init("type", .string("DELETE")), .init("kv", pair)]))
        content.apply(.object([.init("kv", pair)]))
      }
      let state = content.state
      #expect(state.leases.count + state.faults.count <= 1)
      taken += state.leases.count
    }
    #expect((100..<4_900).contains(taken), "\(taken)")
  }
}

/// Vigna's SplitMix64.
private struct Generator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
