import Testing

@testable import Lab

/// Services by firewall mark whose VIP is no address of the director: the operator's own routing by the mark delivers
/// it, as transparent set-ups have it.
@Suite struct TransparentMarkTests {
  private static let mark = 6666

  private func vip(_ c: Case) -> String { c.address(net: 77, host: 5) }

  /// Lets the client send what is for the VIP to the director, which marks it.
  private func prepare(_ director: DirectorLab, _ c: Case) throws {
    let family = c.six ? "-6" : "-4"
    try director.shell("client", "ip \(family) route add \(vip(c)) via \(c.address(net: 1, host: 1))")
    try director.shell(
      "director",
      "\(c.six ? "ip6tables" : "iptables") -t mangle -A PREROUTING -d \(vip(c)) -p tcp -j MARK --set-mark \(Self.mark)")
  }

  private func route(_ director: DirectorLab, _ c: Case, _ more: String = "", mask: String = "") throws {
    let family = c.six ? "-6" : "-4"
    try director.shell(
      "director",
      """
      ip \(family) rule add fwmark \(Self.mark)\(mask) \(more) lookup 100
      ip \(family) route add local default dev lo table 100
      """)
  }

  private func addService(_ director: DirectorLab, _ c: Case) throws {
    let service = "-f \(Self.mark)\(c.six ? " -6" : "")"
    try director.ipvsadm("-A \(service) -s rr")
    for server in c.servers() {
      try director.ipvsadm("-a \(service) -r \(c.six ? "[\(server)]:0" : server) \(c.method.rawValue)")
    }
  }

  private func fetch(_ director: DirectorLab, _ c: Case, port: Int = 80, _ count: Int = 3) throws -> [String: Int] {
    let url = "http://\(c.bracketed(vip(c))):\(port)/?[1-\(count)]"
    let text = try director.run("client", ["curl", "-sS", "-m", "20", "-H", "Connection: close", url])
    return tally(text.split(separator: "\n").map(String.init).filter { !$0.hasPrefix("--_curl_--") })
  }

  private func isAnswered(_ director: DirectorLab, _ c: Case) throws -> Bool {
    let url = "http://\(c.bracketed(vip(c)))/"
    return try director.lab.exec("client", ["curl", "-sS", "-m", "1", url]).succeeded
  }

  /// The operator's rule is there before the service.
  @Test(arguments: [false, true], ["", "/0xffff"])
  func theVIPNeedNotBeLocal(six: Bool, mask: String) async throws {
    let c = Case(method: .nat, six: six)
    try await withDirector(Stage.plain) { director in
      try prepare(director, c)
      try route(director, c, mask: mask)
      try addService(director, c)
      #expect(try fetch(director, c) == ["rs1": 1, "rs2": 1, "rs3": 1])
      #expect(try fetch(director, c, port: 8080) == ["rs1": 1, "rs2": 1, "rs3": 1])
    }
  }

  /// It comes later, without a priority, which the kernel takes for the director's own: the next command notices it.
  @Test(arguments: [false, true])
  func theRuleMayComeLater(six: Bool) async throws {
    let c = Case(method: .nat, six: six)
    try await withDirector(Stage.plain) { director in
      try prepare(director, c)
      try addService(director, c)
      try route(director, c)
      try director.svs("attach")
      #expect(try fetch(director, c) == ["rs1": 1, "rs2": 1, "rs3": 1])
    }
  }

  /// It comes and goes: the director notices by itself where the kernel can be asked with a mark.
  @Test(arguments: [false, true])
  func theOperatorsRuleDecides(six: Bool) async throws {
    let c = Case(method: .nat, six: six)
    let family = six ? "-6" : "-4"
    try await withDirector(Stage.plain) { director in
      try prepare(director, c)
      try addService(director, c)
      // Nothing leads there: neither to the host nor beyond it.
      #expect(try !isAnswered(director, c))
      try route(director, c, "priority 5000")
      try notice(director)
      #expect(try fetch(director, c) == ["rs1": 1, "rs2": 1, "rs3": 1])
      // A rule by another mark is nothing to this service.
      try director.shell(
        "director", "ip \(family) rule del priority 5000; ip \(family) rule add fwmark 1 priority 5000 lookup 100")
      try notice(director)
      #expect(try !isAnswered(director, c))
    }
  }

  /// Linux before 6.10 is not asked with a mark; there the rules are looked at with every change.
  private func notice(_ director: DirectorLab) throws {
    let release = try director.run("director", ["uname", "-r"]).split(separator: ".").compactMap { Int($0) }
    if release.count > 1, (release[0], release[1]) < (6, 10) { try director.svs("attach") }
  }
}
