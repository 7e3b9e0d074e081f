import Testing

@testable import Lab

/// ICMP errors about tunnels: a router between the director and its servers complains about the outer packet, and the
/// client that sent the inner one is told, in the VIP's name.
@Suite struct TunnelErrorTests {
  struct Kind: Sendable, CustomStringConvertible {
    var options: String
    /// Bytes between the outer header and the packet inside.
    var header: Int
    var six: Bool

    var description: String { "\(options) over IPv\(six ? 6 : 4)" }
    var overhead: Int { header + (six ? 40 : 20) }
    var `case`: Case { Case(method: .tunnel, six: six) }
  }

  static let kinds: [Kind] = [false, true].flatMap { six in
    [
      Kind(options: "--tun-type ipip", header: 0, six: six),
      Kind(options: "--tun-type gue --tun-port 6080", header: 12, six: six),
      Kind(options: "--tun-type gue --tun-port 6080 --tun-csum", header: 12, six: six),
      Kind(options: "--tun-type gre", header: 4, six: six),
      Kind(options: "--tun-type gre --tun-csum", header: 8, six: six),
    ]
  }

  /// Sends what earns an ICMP answer; the MTU that the answer names.
  private func icmp(
    _ director: DirectorLab, _ c: Case, kind: Int, code: Int, size: Int
  ) throws -> Int? {
    let output = try director.python(
      "client", "wire", ["icmp", c.address(net: 1, host: 2), c.vip, "9000", "\(kind)", "\(code)", "64", "\(size)"])
    return Int(output.split(separator: "\n").last ?? "")
  }

  @Test(arguments: kinds)
  func clientsLearnTheMTUBehindTheRouter(_ kind: Kind) async throws {
    let c = kind.case
    try await withDirector(BuiltInLab.tun.topology) { director in
      for (host, interface) in [("router", "rs1"), ("rs1", "eth0")] {
        try director.run(host, ["ip", "link", "set", interface, "mtu", "1400"])
      }
      let server = "\(c.bracketed(c.address(net: 21, host: 2))):9000"
      try director.ipvsadm("-A -u \(c.bracketedVIP):9000 -s rr")
      try director.ipvsadm("-a -u \(c.bracketedVIP):9000 -r \(server) -i \(kind.options)")
      let mtu = try icmp(director, c, kind: c.six ? 2 : 3, code: c.six ? 0 : 4, size: 1380)
      #expect(mtu == 1400 - kind.overhead)
      #expect(try director.drops()["icmp-error-forwarded", default: 0] > 0)
      #expect(try director.drops()["too-big", default: 0] == 0, "not the director's own link")

      // With that a transfer finds its way.
      try director.lab.spawn(
        "rs1", [Programs.python, Programs.script("serve"), "rs1", c.vip], name: "serve", listeners: [.init(.tcp, 9001)])
      try director.ipvsadm("-A -t \(c.bracketedVIP):9001 -s rr")
      try director.ipvsadm(
        "-a -t \(c.bracketedVIP):9001 -r \(c.bracketed(c.address(net: 21, host: 2))):9001 -i \(kind.options)")
      try director.upload(c, 1_000_000)
    }
  }

  @Test(arguments: kinds)
  func clientsHearOfServersThatCannotBeReached(_ kind: Kind) async throws {
    let c = kind.case
    try await withDirector(BuiltInLab.tun.topology) { director in
      let gone = c.address(net: 21, host: 99)
      try director.run("router", ["ip", "route", "add", "unreachable", gone])
      try director.ipvsadm("-A -u \(c.bracketedVIP):9000 -s rr")
      try director.ipvsadm("-a -u \(c.bracketedVIP):9000 -r \(c.bracketed(gone)):9000 -i \(kind.options)")
      _ = try icmp(director, c, kind: c.six ? 1 : 3, code: c.six ? 0 : 1, size: 100)
      #expect(try director.drops()["icmp-error-forwarded", default: 0] > 0)
      #expect(try director.drops()["no-route", default: 0] == 0, "the director itself knew a way")
    }
  }
}
