import Dataplane
import DataplaneSimulation
import DataplaneTesting
import DataplaneTypes
import KernelDirector
import Simulation
import Testing

@Suite struct SimulatorTests {
  static let rules = """
    # two services
    -A -t 10.9.9.1:80 -s wlc
    -a -t 10.9.9.1:80 -r 10.0.0.11:8080 -m -w 1
    ipvsadm -a -t 10.9.9.1:80 -r 10.0.0.12:8080 -m -w 2
    -A -t 10.9.9.2:80 -s rr -p 50
    -a -t 10.9.9.2:80 -r 10.0.0.11:80 -g -w 1
    -a -t 10.9.9.2:80 -r 10.0.0.12:80 -g -w 1
    -A -f 7 -s rr
    -a -f 7 -r 10.0.0.21:0 -g
    -A -u 10.9.9.1:53 -s sh -o
    -a -u 10.9.9.1:53 -r 10.0.0.31:53 -g
    -A -t 10.9.9.3:80
    -A --sctp-service 10.9.9.4:5060 -s rr
    -a --sctp-service 10.9.9.4:5060 -r 10.0.0.41:3868 -m
    -A -t [fd00:9::1]:80 -s nq
    -a -t [fd00:9::1]:80 -r [fd00:a::1]:80 -m
    """

  private final class Log { var records: [SimulationRecord] = [] }

  /// What a scenario's choices were, and what its commands printed.
  private func play(_ text: String, tellsAll: Bool = false) throws -> [SimulationRecord] {
    let log = Log()
    var player = Player(Simulator(try SimulatedDirector())) { log.records.append($0) }
    player.tellsAll = tellsAll
    try player.enter(rules: Self.rules, name: "rules")
    try player.play(ScenarioReader.read(text, name: "scenario"))
    return log.records
  }

  private func decisions(_ text: String) throws -> [Decision] {
    try play(text).compactMap { if case .decision(let decision) = $0 { decision } else { nil } }
  }

  @Test func everyConnectionIsToldWithItsServerAndTheOverheads() throws {
    let decisions = try decisions("repeat 4 every 10ms open 10.1.0.0/24 10.9.9.1:80")
    #expect(
      decisions.map { $0.server?.text } == ["10.0.0.12:8080", "10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.12:8080"])
    #expect(decisions.map(\.source.text) == (1...4).map { "10.1.0.\($0):32768" })
    #expect(decisions.map(\.time) == [0, 10_000_000, 20_000_000, 30_000_000])
    let last = try #require(decisions.last)
    #expect(last.candidates.map(\.overhead) == [512, 256])
    #expect(last.candidates.map(\.isChosen) == [true, false])
    #expect(last.method == .nat)
    #expect(last.isOpening && last.outcome == .forwarded)
    guard case .scheduler = last.reason else { return #expect(Bool(false), "\(last.reason)") }
  }

  @Test func associationsOpenAndClose() throws {
    let decisions = try decisions(
      """
      open 10.1.0.1 10.9.9.4:5060 sctp
      data 10.1.0.1 10.9.9.4:5060 sctp
      close 10.1.0.1 10.9.9.4:5060 sctp
      data 10.1.0.2:7 10.9.9.4:5060 sctp
      """)
    #expect(decisions.map(\.saying) == ["INIT", "DATA", "SHUTDOWN", "DATA"])
    #expect(decisions.map(\.outcome) == [.forwarded, .forwarded, .forwarded, .passed])
    #expect(decisions.map { $0.server?.text } == ["10.0.0.41:3868", "10.0.0.41:3868", "10.0.0.41:3868", nil])
    #expect(decisions[0].isOpening && decisions[0].method == .nat)
    guard case .connection(let before) = decisions[2].reason else { return #expect(Bool(false), "\(decisions[2])") }
    #expect(before.state == .association(.established))
    #expect(decisions[3].events == ["not-syn"])
  }

  @Test func connectionsAdvanceEndAndExpire() throws {
    let decisions = try decisions(
      """
      open 10.1.0.1 10.9.9.1:80
      data 10.1.0.1 10.9.9.1:80
      close 10.1.0.1 10.9.9.1:80
      wait 119s
      data 10.1.0.1 10.9.9.1:80
      wait 121s
      data 10.1.0.1 10.9.9.1:80
      """)
    #expect(decisions.map(\.state) == [.synReceived, .established, .closeWait, .timeWait, nil])
    #expect(decisions.last?.outcome == .passed)
    #expect(decisions.last?.events == ["not-syn"])
  }

  @Test func templatesAreToldApartFromTheScheduler() throws {
    let decisions = try decisions("repeat 2 open 10.1.0.1 10.9.9.2:80\nopen 10.1.0.2 10.9.9.2:80")
    #expect(decisions.map { $0.server?.text } == ["10.0.0.12:80", "10.0.0.12:80", "10.0.0.11:80"])
    guard case .scheduler = decisions[0].reason, case .template = decisions[1].reason,
      case .scheduler = decisions[2].reason
    else { return #expect(Bool(false), "\(decisions.map(\.reason))") }
  }

  @Test func rulesChangeOnTheWay() throws {
    let records = try play(
      """
      ipvsadm -e -t 10.9.9.1:80 -r 10.0.0.12:8080 -m -w 0
      open 10.1.0.1 10.9.9.1:80
      ipvsadm -Ln -t 10.9.9.1:80
      """)
    guard records.count == 2, case .decision(let decision) = records[0], case .output(let listing) = records[1] else {
      return #expect(Bool(false), "\(records)")
    }
    #expect(decision.server?.text == "10.0.0.11:8080")
    #expect(decision.candidates.map(\.weight) == [0, 1])
    #expect(decision.candidates[0].overhead == nil)
    #expect(listing.contains("  -> 10.0.0.11:8080               Masq    1      1          0"))
  }

  @Test func marksOnePacketAndIPv6() throws {
    let decisions = try decisions(
      """
      open 10.1.0.1 10.9.9.99:443 mark 7
      open 10.1.0.1 10.9.9.99:443
      open 10.1.0.1:53 10.9.9.1:53 udp
      open fd00:1::1 [fd00:9::1]:80
      """)
    #expect(decisions.map { $0.server?.text } == ["10.0.0.21:443", nil, "10.0.0.31:53", "[fd00:a::1]:80"])
    #expect(decisions.map(\.isChoice) == [true, false, true, true])
    #expect(decisions[2].state == nil)
  }

  /// A removed server's connections are dropped, or sent to another where the knob says so.
  @Test func knobs() throws {
    let decisions = try decisions(
      """
      open 10.1.0.1 10.9.9.1:80
      ipvsadm -d -t 10.9.9.1:80 -r 10.0.0.12:8080
      data 10.1.0.1 10.9.9.1:80
      sysctl net.ipv4.vs.expire_nodest_conn=1
      data 10.1.0.1 10.9.9.1:80
      """)
    #expect(decisions.map(\.outcome) == [.forwarded, .dropped, .passed])
    #expect(decisions.map(\.events) == [[], ["server-removed"], ["not-syn"]])
  }

  @Test func aServiceWithoutServersIsToldAsSuch() throws {
    let decision = try #require(try decisions("open 10.1.0.1 10.9.9.3:80").first)
    #expect(decision.isChoice && !decision.isOpening)
    #expect(decision.outcome == .answered)
    #expect(decision.events == ["no-server"])
  }

  @Test func errorsNameFileAndLine() throws {
    func message(rules: String = "", _ text: String) throws -> String? {
      var player = Player(Simulator(try SimulatedDirector())) { _ in }
      do {
        try player.enter(rules: rules, name: "rules")
        try player.play(ScenarioReader.read(text, name: "scenario"))
        return nil
      } catch { return error.description }
    }
    #expect(try message("\n\nopen 10.1.0.1") == "scenario:3: open takes a client and VIP:PORT")
    #expect(try message("opne 10.1.0.1 10.9.9.1:80")?.hasPrefix("scenario:1: 'opne' is none of syn, open") == true)
    #expect(
      try message("close 10.1.0.1 10.9.9.1:80")?.hasPrefix("scenario:1: 10.1.0.1 has opened no connection") == true)
    #expect(try message("wait 1fortnight")?.hasPrefix("scenario:1: wait takes a time") == true)
    #expect(try message("open fd00::1 10.9.9.1:80")?.contains("different address families") == true)
    #expect(
      try message(rules: "-A -t 10.9.9.1:80\n-A -t 10.9.9.1:80", "") == "rules:2: Service already exists")
    #expect(
      try message(rules: "-A -t 10.9.9.1:80", "ipvsadm -D -t 10.9.9.2:80") == "scenario:1: No such service")
  }

  /// The steps as they are traced are the steps as they are run.
  @Test(arguments: [1, 2, 3] as [UInt64])
  func tracingChangesNothing(seed: UInt64) throws {
    let plain = MemoryPlatform.State(capacity: 200)
    DataplaneTesting.Scenario.everything.install(in: plain)
    let traced = try SimulatedDirector(capacity: 200)
    DataplaneTesting.Scenario.everything.install(in: traced.state)
    plain.routes = traced.state.routes
    plain.clock = traced.state.clock
    for interface in [SimulatedDirector.interface, 3, 4] {
      _ = plain.devices.replace(interface, try #require(traced.state.devices.find(interface)).pointee)
    }
    // twos draws by chance: both draw the same numbers.
    for number in 0..<UInt32(DataplaneTesting.Scenario.everything.services.count) {
      plain.serviceRecords.find(number)?.pointee.cursor =
        try #require(traced.state.serviceRecords.find(number)).pointee.cursor
    }
    plain.configuration.find(0)?.pointee = try #require(traced.state.configuration.find(0)).pointee
    let simulator = Simulator(traced)
    var packets = RandomPackets(seed: seed, scenario: DataplaneTesting.Scenario.everything)
    for _ in 0..<5_000 {
      let frame = packets.next()
      let (verdict, _) = plain.process(frame, ingress: SimulatedDirector.interface)
      if let decision = simulator.process(frame) {
        let told: [Verdict] =
          switch decision.outcome {
          case .forwarded: [.redirect]
          case .answered: [.transmit, .redirect]
          case .passed: [.pass]
          case .dropped: [.drop]
          }
        #expect(told.contains(verdict), "\(decision)")
      }
    }
    let differing = Set(plain.connectionTexts).symmetricDifference(traced.state.connectionTexts)
    #expect(differing.isEmpty)
    #expect(!plain.connectionTexts.isEmpty)
  }
}
