import HostSystem
import Testing

@testable import Lab

/// SCTP associations, by packets made by hand: this kernel may have no SCTP of its own.
@Suite struct SCTPTests {
  static let cases = [Method.nat, .direct, .tunnel].flatMap {
    [Case(method: $0, six: false), Case(method: $0, six: true)]
  }

  /// Associations are opened, used and closed; what arrives either way has the right checksum, which under NAT with
  /// another port takes the director's work.
  @Test(arguments: cases)
  func associationsAreBalanced(_ c: Case) async throws {
    try await withDirector(Stage.plain) { director in
      for number in 1...3 {
        let addresses = c.method == .nat ? [c.address(net: 2, host: 10 + number)] : [c.vip]
        let server = try director.lab.spawn(
          "rs\(number)", [Programs.python, Programs.script("sctp"), "serve", "rs\(number)"] + addresses, name: "sctp")
        try director.eventually(within: .seconds(15), "the server is ready") {
          try Files.text(server.log).hasPrefix("ready")
        }
      }
      let serverPort = c.method == .nat ? 3868 : 5060
      try director.addService(
        c, "--sctp-service", port: 5060, serverPort: serverPort, net: c.method == .tunnel ? 2 : nil)
      let output = try director.python("client", "sctp", ["associate", c.vip, "5060", "6"])
      let answers = output.split(separator: "\n").map(String.init)
      #expect(tally(answers) == ["rs1 \(serverPort)": 2, "rs2 \(serverPort)": 2, "rs3 \(serverPort)": 2])
      // Closed: NAT sees both ends of it, the other methods the client's.
      let rows = try director.connections()
      #expect(rows.count == 6 && rows.allSatisfy { $0[0] == "SCTP" }, "\(rows)")
      #expect(rows.allSatisfy { $0[2] == "CLOSED" }, "\(rows)")
      var listed = try director.ipvsadm("-L -n")
      #expect(listed.contains("SCTP \(c.bracketedVIP):5060 rr"), "\(listed)")

      _ = try director.python("client", "sctp", ["associate", c.vip, "5060", "3", "keep"])
      // Ports are used again, which opens new associations.
      let rowsNow = try director.connections()
      #expect(rowsNow.filter { $0[2] == "ESTABLISHED" }.count == 3, "\(rowsNow)")
      listed = try director.ipvsadm("-L -n")
      var active: [String] = []
      for line in listed.split(separator: "\n") {
        let words = line.split(separator: " ").map(String.init)
        if words.count == 6, words[0] == "->", words[1] != "RemoteAddress:Port" { active.append(words[4]) }
      }
      #expect(active == ["1", "1", "1"], "\(listed)")
      for number in 1...3 {
        let log = try Files.text("\(director.lab.folder)/rs\(number)/sctp.log")
        #expect(log == "ready\n", "rs\(number): \(log)")
      }
    }
  }
}
