import Testing

/// Requests by every kind of tunnel, unpacked at the servers, with answers straight to the client.
@Suite struct TunnelKindsTests {
  static let kinds = [
    "--tun-type ipip", "--tun-type gue --tun-port 6080", "--tun-type gue --tun-port 6080 --tun-csum",
    "--tun-type gue --tun-port 6080 --tun-remcsum", "--tun-type gre", "--tun-type gre --tun-csum",
  ]

  @Test(arguments: kinds, [false, true])
  func requestsArrive(_ kind: String, six: Bool) async throws {
    let c = Case(method: .tunnel, six: six)
    try await withDirector(Stage.plain) { director in
      try director.startServers()
      try director.ipvsadm("-A -t \(c.bracketedVIP):80 -s rr")
      for server in c.servers(net: 2) {
        try director.ipvsadm("-a -t \(c.bracketedVIP):80 -r \(c.bracketed(server)):80 -i \(kind)")
      }
      for _ in 0..<6 {
        let answer = try director.run("client", ["curl", "-sS", "-m", "5", "http://\(c.bracketedVIP)/"])
        #expect(!answer.isEmpty)
      }
      // No server was left out.
      let listed = try director.ipvsadm("-L -n --stats")
      for server in c.servers(net: 2) {
        let line = listed.split(separator: "\n").first { $0.contains("\(c.bracketed(server)):80") }
        let words = (line ?? "").split(separator: " ")
        #expect(words.count > 2 && words[2] == "2", "\(server): \(listed)")
      }
    }
  }
}
