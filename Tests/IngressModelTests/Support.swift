@testable import IngressModel

/// A request as rules see it.
struct StubRequest: RequestView {
  var host = "example.com"
  var path = "/"
  var query: Substring?
  var method = "GET"
  var client = ClientAddress(parsing: "192.0.2.1") ?? ClientAddress.unspecified
  var headers: [(String, String)] = []

  func values(of header: String) -> [String] {
    headers.filter { $0.0.lowercasedASCII == header.lowercasedASCII }.map(\.1)
  }
}

extension ClientAddress {
  static var unspecified: ClientAddress {
    guard let address = ClientAddress(bytes: [0, 0, 0, 0]) else { fatalError("four bytes are an address") }
    return address
  }
}

/// Numbers that are the same in each run (Vigna's SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}

extension SeededGenerator {
  /// A text with a few changes: characters and pieces gone, doubled, or replaced by those of `fragments`.
  mutating func mutated(_ text: String, fragments: [String]) -> String {
    var characters = Array(text)
    for _ in 0..<Int.random(in: 1...3, using: &self) {
      let start = Int.random(in: 0...characters.count, using: &self)
      let end = min(characters.count, start + Int.random(in: 0...12, using: &self))
      switch Int.random(in: 0..<4, using: &self) {
      case 0: characters.removeSubrange(start..<end)
      case 1: characters.insert(contentsOf: characters[start..<end], at: start)
      case 2: characters.replaceSubrange(start..<end, with: Array(fragments.randomElement(using: &self) ?? ""))
      default: characters.insert(contentsOf: Array(fragments.randomElement(using: &self) ?? ""), at: start)
      }
    }
    return String(characters)
  }
}

/// Reads texts as files called a.yaml, b.yaml and so on.
func configuration(
  _ texts: String..., overrides: [BackendOverride] = [], domain: String = "cluster.local"
) throws(IngressConfigurationError) -> IngressConfiguration {
  try .read(texts: named(texts), overrides: overrides, domain: domain)
}

/// What is wrong with texts, as people see it.
func findings(_ texts: String..., overrides: [BackendOverride] = []) -> [String] {
  do throws(IngressConfigurationError) {
    _ = try IngressConfiguration.read(texts: named(texts), overrides: overrides)
    return []
  } catch {
    return error.findings.map(\.description)
  }
}

private func named(_ texts: [String]) -> [ConfigurationText] {
  zip(["a", "b", "c", "d"], texts).map { ConfigurationText(name: "\($0).yaml", text: $1) }
}
