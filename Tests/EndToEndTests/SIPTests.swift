import Testing

@testable import Lab

/// Persistence by the Call-ID of SIP messages, by UDP: `--pe sip`.
@Suite struct SIPTests {
  static let cases = [
    Case(method: .nat, six: false), Case(method: .nat, six: true), Case(method: .direct, six: false),
    Case(method: .tunnel, six: true),
  ]

  @Test(arguments: cases)
  func callsKeepTheirServers(_ c: Case) async throws {
    try await withDirector(Stage.plain) { director in
      try director.startServers()
      let other = c.address(net: 1, host: 3)
      try director.run(
        "client", ["ip", "addr", "add", "\(other)/\(c.six ? 64 : 24)", "dev", "eth0"] + (c.six ? ["nodad"] : []))
      let service = "-u \(c.bracketedVIP):9000"
      try director.ipvsadm("-A \(service) -s rr -p 300 --pe sip")
      for server in c.servers() {
        try director.ipvsadm("-a \(service) -r \(c.bracketed(server)):9000 \(c.method.rawValue)")
      }
      func ask(_ calls: String...) throws -> [String] {
        try director.python("client", "sip", [c.vip, "9000", c.address(net: 1, host: 2)] + calls).split(separator: "\n")
          .map(String.init)
      }

      // From other ports and other addresses, and however the header is written: a call stays where it began.
      let first = try ask("one", "one", "one", "one/\(other)", "one")
      #expect(first.count == 5 && Set(first).count == 1)
      // Other calls of the same client are scheduled.
      let others = try ask("two", "three", "two/\(other)", "three", "one", "two")
      #expect(Set([first[0], others[0], others[1]]).count == 3, "round robin: \(first) \(others)")
      #expect(others == [others[0], others[1], others[0], others[1], first[0], others[0]])
      // What has no Call-ID is kept by its client's address.
      let plain = try ask("none", "none", "none/\(other)", "none")
      #expect(plain[0] == plain[1] && plain[1] == plain[3] && plain[2] != plain[0], "\(plain)")

      // A template for each call and for each client without any; each server has some of the five.
      let rows = try director.connections()
      let templates = rows.filter { $0[2] == "NONE" || $0[2] == "ASSURED" }
      #expect(templates.count == 5, "\(rows)")
      // By NAT the answers have been seen.
      #expect(templates.allSatisfy { $0[2] == (c.method.seesAnswers ? "ASSURED" : "NONE") }, "\(templates)")
      #expect(templates.allSatisfy { $0[3].hasSuffix(":0") && $0[4] == "\(c.bracketedVIP):9000" }, "\(templates)")
      // Each of the 15 datagrams came from a port of its own.
      #expect(rows.count == 15 + 5)
      let persistent = try director.ipvsadm("-L -n --persistent-conn")
      var held: [Int] = []
      for line in persistent.split(separator: "\n") {
        let words = line.split(separator: " ").map(String.init)
        if words.first == "->", words.count == 6, let count = Int(words[3]) { held.append(count) }
      }
      #expect(held.count == 3 && held.reduce(0, +) == 5, "\(persistent)")
      let saved = try director.ipvsadm("-S -n")
      #expect(saved.contains("-A \(service) -s rr -p 300 --pe sip"), "\(saved)")
    }
  }
}
