import KernelDirector
import Simulation
import Testing

/// FULLNAT and its pools in scenarios.
@Suite struct FullNATScenarioTests {
  private static let rules = """
    -A -t 10.9.9.5:80 -s rr
    -a -t 10.9.9.5:80 -r 10.0.0.11:8080 --fullnat
    local-address add tcp:10.9.9.5:80 10.0.0.60 --ports 5000-5000
    """

  private final class Log {
    var decisions: [Decision] = []
    var output = ""
  }

  private func play(_ text: String, rules: String = rules) throws -> [Decision] {
    let log = Log()
    var player = Player(Simulator(try SimulatedDirector())) { record in
      if case .decision(let decision) = record { log.decisions.append(decision) }
    }
    try player.enter(rules: rules, name: "rules")
    try player.play(ScenarioReader.read(text, name: "scenario"))
    return log.decisions
  }

  @Test func theLocalEndIsToldAndPoolsRunOut() throws {
    let decisions = try play(
      """
      open 10.1.0.1 10.9.9.5:80
      wait 1s
      open 10.1.0.2 10.9.9.5:80
      local-address add tcp:10.9.9.5:80 10.0.0.61 --ports 7-7
      wait 1s
      open 10.1.0.3 10.9.9.5:80
      data 10.1.0.1 10.9.9.5:80
      local-address del tcp:10.9.9.5:80 10.0.0.60
      data 10.1.0.1 10.9.9.5:80
      """)
    #expect(decisions.map(\.outcome) == [.forwarded, .answered, .forwarded, .forwarded, .forwarded])
    #expect(
      decisions.map { $0.local?.text } == ["10.0.0.60:5000", nil, "10.0.0.61:7", "10.0.0.60:5000", "10.0.0.60:5000"])
    #expect(decisions[1].events == ["no-local-port"])
    #expect(decisions.allSatisfy { $0.method == .fullNAT || $0.outcome == .answered })
    guard case .connection(let before) = decisions[3].reason else { return #expect(Bool(false), "\(decisions[3])") }
    #expect(before.local?.text == "10.0.0.60:5000" && before.state == .connection(.established))
  }

  /// Connections that take over the way of an older one are connections like others.
  @Test func manyConnectionsAreAllForwarded() throws {
    let rules = """
      -A -t 10.9.9.5:80 -s rr
      -a -t 10.9.9.5:80 -r 10.0.0.11:8080 --fullnat
      -a -t 10.9.9.5:80 -r 10.0.0.12:8080 --fullnat
      """
    let decisions = try play((1...20).map { "open 10.1.0.\($0) 10.9.9.5:80" }.joined(separator: "\n"), rules: rules)
    for decision in decisions {
      guard decision.outcome == .forwarded, case .scheduler = decision.reason else {
        Issue.record("\(decision)")
        continue
      }
    }
    #expect(decisions.count == 20 && Set(decisions.map { $0.local?.text }).count == 20)
    #expect(decisions.count { $0.server?.text == "10.0.0.11:8080" } == 10)
  }

  /// What is restored when a machine starts is restored here too, and remarked on.
  @Test func poolsInTheWayOfServicesAreRemarkedOn() throws {
    let log = Log()
    let player = Player(Simulator(try SimulatedDirector())) { record in
      if case .output(let text) = record { log.output += text }
    }
    try player.enter(rules: "-A -u 10.0.0.60:5353 -s rr\nlocal-address add 10.0.0.60\n", name: "rules")
    #expect(log.output.hasPrefix("rules:2: 10.0.0.60 is the VIP of a service at port 5353"), "\(log.output)")
  }

  @Test(arguments: [
    ("local-address add 10.0.0.60/24", "scenario:1: 10.0.0.60/24 names a host in a network"),
    ("local-address add tcp:10.9.9.6:80 10.0.0.62", "scenario:1: there is no such service"),
    ("local-address del 10.0.0.62", "scenario:1: there are no such local addresses"),
    ("local-address list", "scenario:1: local-address takes add, set or del"),
    (
      "local-address add tcp:10.9.9.5:80 10.0.0.60 --ports 4999-5001",
      "scenario:1: 10.0.0.60/32 with ports 5000-5000 is in a pool already"
    ),
  ]) func whatIsWrongIsToldWithItsLine(_ line: String, _ complaint: String) throws {
    let error = #expect(throws: SimulationError.self) { try play(line) }
    #expect(error?.description.hasPrefix(complaint) == true, "\(error?.description ?? "")")
  }
}
