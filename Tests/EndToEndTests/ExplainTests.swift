import Testing

@testable import Lab

/// `svs explain` against a director that balances real traffic: it tells what happens next, and changes nothing.
@Suite struct ExplainTests {
  @Test func whatIsToldIsWhatHappens() async throws {
    try await withDirector(Stage.plain) { director in
      let c = Case(method: .nat, six: false)
      try director.startServers()
      try director.addService(c, port: 9000)
      // Somebody whom nobody has seen.
      let stranger = "\(c.address(net: 1, host: 77)):41000"
      let target = "\(c.vip):9000"
      // Nothing stands yet: the scheduler's choice, and asking twice gives it twice.
      let rules = try director.ipvsadm("-Ln")
      let first = try director.svs("explain \(stranger) \(target)")
      #expect(first.contains("connection  none"), "\(first)")
      #expect(first.contains("service     -t \(target)"), "\(first)")
      #expect(try director.svs("explain \(stranger) \(target)") == first)
      #expect(try director.ipvsadm("-Ln") == rules)
      #expect(try director.connections().isEmpty)
      let foretold = try #require(chosen(first), "\(first)")

      // The connection that a client then opens goes there, and is told as what it is.
      let talk = try director.lab.spawn(
        "client", [Programs.python, Programs.script("talk"), c.vip, "9000", "40"], name: "talk")
      try director.eventually(within: .seconds(10), "the connection is established") {
        try director.connections().contains { $0.contains("ESTABLISHED") }
      }
      let row = try #require(try director.connections().first { $0.contains("ESTABLISHED") })
      #expect(row.last == foretold)
      let standing = try director.svs("explain \(row[3]) \(target)")
      #expect(standing.contains("connection  ESTABLISHED, ") && standing.contains("to \(foretold)"), "\(standing)")
      #expect(standing.contains("outcome     forwarded to \(foretold) by Masq"), "\(standing)")
      #expect(standing.contains("way         by "), "\(standing)")
      let json = try director.svs("explain \(row[3]) \(target) --json")
      #expect(json.contains("\"reason\": \"connection\"") && json.contains("\"state\": \"ESTABLISHED\""), "\(json)")
      director.lab.stop(talk)

      // Why there would be none.
      let other = try refused(director, "\(stranger) \(c.vip):9001")
      #expect(other.contains("passed to the kernel"), "\(other)")
      for server in c.servers(net: nil) {
        try director.ipvsadm("-e -t \(target) -r \(server):9000 -m -w 0")
      }
      let none = try refused(director, "\(stranger) \(target)")
      #expect(none.contains("refused: an ICMP message goes back (no-server)"), "\(none)")
      #expect(none.contains("quiesced"), "\(none)")
    }
  }

  private func refused(_ director: DirectorLab, _ words: String) throws -> String {
    let result = try director.lab.exec(
      "director", [Programs.svs, "explain"] + words.split(separator: " ").map(String.init))
    #expect(!result.succeeded, "\(result.output)")
    return result.output
  }

  private func chosen(_ text: String) -> String? {
    text.split(separator: "\n").compactMap { line -> String? in
      let words = line.split(separator: " ")
      guard let star = words.firstIndex(of: "*"), star + 1 < words.count else { return nil }
      return String(words[star + 1])
    }.first
  }
}
