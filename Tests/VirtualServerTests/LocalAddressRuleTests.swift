import KernelDirector
import Testing

@testable import VirtualServer

/// What `svs local-address save` prints, and what it is read as.
struct LocalAddressRuleTests {
  @Test(arguments: [
    "10.2.0.60/32 --ports 1024-65535", "tcp:10.9.9.1:80 10.2.0.0/16 --ports 1-65535",
    "udp:[fd00::1]:53 fd00::1:0/112 --ports 7-7", "fwmark:7 10.2.0.64/28 --ports 2000-2999",
    "fwmark6:4294967295 fd00::/120 --ports 1024-65535", "sctp:10.9.9.1:5060 10.2.0.1/32 --ports 1024-32767",
  ]) func textIsReadAsWhatItWas(_ text: String) throws {
    let rule = try LocalAddressRule(words: text.split(separator: " ").map(String.init))
    #expect(rule.text == text)
    #expect(rule.addresses.fault == nil)
  }

  /// Whatever is said is a rule that reads as itself, or an error; never a trap.
  @Test func wordsByChanceAreReadOrRefused() {
    var random = SeededGenerator.announced("local address words")
    let words = [
      "10.2.0.60", "10.2.0.64/28", "10.2.0.65/28", "fd00::/112", "fd00::1/64", "0.0.0.0/0", "::/0", "tcp:10.9.9.1:80",
      "tcp:fd00::1:80", "udp:[::1]:0", "fwmark:0", "fwmark:7", "fwmark6:x", "tcp::", "--ports", "1-2", "2-1", "0-0",
      "-",
      "--ports=3-4", "65535", "", "/", "10.2.0.1/", "10.2.0.1/33", ":", "tcp:[:80",
    ]
    var good = 0
    for _ in 0..<20_000 {
      let line = (0..<Int.random(in: 0..<6, using: &random)).map { _ in words.randomElement(using: &random) ?? "" }
      guard let rule = try? LocalAddressRule(words: line) else { continue }
      good += 1
      _ = rule.addresses.fault
      let again = try? LocalAddressRule(words: rule.text.split(separator: " ").map(String.init))
      #expect(again == rule, "\(line)")
    }
    #expect(good > 100)
  }

  @Test func whatIsWrongInAFileIsToldWithItsLine() throws {
    let good = "# pools\n\nlocal-address add 10.2.0.60\n  local-address   add fwmark:7 10.2.0.64/28 --ports 7-9\n"
    let saved = try SavedLocalAddresses(good)
    #expect(saved.lines.map(\.number) == [3, 4])
    #expect(saved.lines.map(\.rule.text) == ["10.2.0.60/32 --ports 1024-65535", "fwmark:7 10.2.0.64/28 --ports 7-9"])
    let told = try SavedLocalAddresses(good + "client-address set tcp:10.9.9.1:80 toa --keep-client-toa\n")
    #expect(told.lines == saved.lines && told.disclosures.map(\.number) == [5])
    #expect(told.disclosures.map(\.rule.text) == ["tcp:10.9.9.1:80 toa --keep-client-toa"])
    for line in [
      "client-address set tcp:10.9.9.1:80", "client-address set tcp:10.9.9.1:80 proxy",
      "client-address tcp:10.9.9.1:80 toa",
      "local-address del 10.2.0.60", "add 10.2.0.60", "local-address add", "local-address add nonesuch",
    ] {
      let error = #expect(throws: LocalAddressError.self) { try SavedLocalAddresses(good + line) }
      #expect(error?.description.hasPrefix("line 5: ") == true)
    }
  }
}
