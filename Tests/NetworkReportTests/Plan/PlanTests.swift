import Testing

@testable import NetworkReport

@Suite("The plan of a report")
struct PlanTests {
  /// What building, removing and starting take beside the plan, with room for a slow moment.
  private static let around = 3.0 + 2 + 5

  @Test("The quick plan fits two minutes with everything around it")
  func quickFits() throws {
    let plan = ReportPlan.quick()
    let limit = try #require(plan.limitSeconds)
    #expect(plan.allottedSeconds <= limit)
    #expect(limit + Self.around <= 120)
    for part in ReportPart.allCases { #expect(plan.allottedSeconds(part) > 0, "\(part)") }
    // Each of the four ways of the services part has each place once.
    #expect(plan.services.rounds % ServiceAccess.allCases.count == 0)
    // A Locust may cost a round on a slow machine; it does not make the report longer.
    let led = ReportPlan.quick(usesLocust: true)
    #expect(led.limitSeconds == limit && led.allottedSeconds > plan.allottedSeconds)
  }

  @Test("A part that is not asked for takes no time", arguments: ReportPart.allCases)
  func parts(part: ReportPart) {
    let without = ReportPlan.quick(parts: ReportPlan.allParts.subtracting([part]))
    #expect(without.allottedSeconds(part) == 0)
    #expect(without.allottedSeconds < ReportPlan.quick().allottedSeconds)
    #expect(without.summary.parts == ReportPart.allCases.filter { $0 != part })
  }

  @Test("The full plan grows with rounds and seconds, and has no limit")
  func fullPlan() {
    let plan = ReportPlan.full(rounds: 5, seconds: 4)
    #expect(plan.limitSeconds == nil)
    #expect(plan.throughput.rounds == 5 && plan.throughput.seconds == 4 && plan.services.rounds == 12)
    #expect(ReportPlan.full(rounds: 10, seconds: 4).allottedSeconds > plan.allottedSeconds)
    #expect(ReportPlan.full(rounds: 5, seconds: 8).allottedSeconds > plan.allottedSeconds)
    #expect(plan.services.scaling.max() == 5000 && plan.services.endpointsPerService == 10)
    // Four ways take turns, in whole Latin squares.
    for rounds in 1...20 {
      let services = ReportPlan.full(rounds: rounds, seconds: 4).services
      #expect(services.rounds.isMultiple(of: 4) && services.outerScalingRounds.isMultiple(of: 4), "\(rounds)")
      #expect(1...16 ~= services.outerScalingRounds && services.innerScalingRounds <= services.outerScalingRounds)
    }
  }

  @Test("Where time runs out late rounds are left out, and later parts keep theirs")
  func budget() {
    let plan = ReportPlan.quick()
    let budget = TimeBudget(plan: plan)
    #expect(budget.permits(round: 1, of: .latency, measuredSeconds: nil, elapsed: 0))
    // As planned, every part gets all its rounds.
    var elapsed = ReportPlan.Cost.environment
    for part in ReportPart.allCases {
      let own = plan.allottedSeconds(part)
      #expect(budget.permits(round: 4, of: part, measuredSeconds: nil, elapsed: elapsed), "\(part)")
      elapsed += own
    }
    // Rounds of throughput that take twice the time stop before they take away the services'.
    let round = 2 * plan.roundSeconds(.throughput)
    var at = plan.allottedSeconds(.latency) + plan.allottedSeconds(.load)
    var done = 0
    for number in 1...plan.throughput.rounds
    where budget.permits(round: number, of: .throughput, measuredSeconds: done > 0 ? round : nil, elapsed: at) {
      at += round
      done += 1
    }
    #expect((2..<plan.throughput.rounds).contains(done))
    #expect(budget.permits(round: 1, of: .services, measuredSeconds: nil, elapsed: at))
    #expect(!budget.permits(round: 1, of: .services, measuredSeconds: nil, elapsed: 104))
    #expect(TimeBudget(plan: .full()).permits(round: 9, of: .throughput, measuredSeconds: 1e6, elapsed: 1e6))
  }

  @Test("A round measures each path in both directions once, under its own backend, with one switch")
  func rounds() {
    var backend = "vxlan"
    for round in 1...12 {
      var runs: [OverlayPath: [TransferDirection]] = [:]
      var switches = 0
      for step in Interleaving.throughputRound(round, backend: backend, timesEcho: round % 2 == 0) {
        switch step {
        case .switchBackend(let name):
          #expect(name != backend)
          backend = name
          switches += 1
        case .run(let path, let direction, let timesEcho):
          #expect(path.backend == nil || path.backend == backend)
          #expect(timesEcho == (round % 2 == 0 && direction == .clientSends))
          runs[path, default: []].append(direction)
        }
      }
      #expect(switches == 1)
      #expect(Set(runs.keys) == Set(OverlayPath.allCases))
      for (path, directions) in runs { #expect(Set(directions).count == 2 && directions.count == 2, "\(path)") }
    }
  }

  @Test("No path, backend or direction always comes first")
  func fairness() {
    var backend = "vxlan"
    var order: [[OverlayPath]] = []
    var firstDirections: [TransferDirection] = []
    for round in 1...8 {
      var paths: [OverlayPath] = []
      for (number, step) in Interleaving.throughputRound(round, backend: backend, timesEcho: false).enumerated() {
        switch step {
        case .switchBackend(let name): backend = name
        case .run(let path, let direction, _):
          if !paths.contains(path) { paths.append(path) }
          if number == 0 { firstDirections.append(direction) }
        }
      }
      order.append(paths)
    }
    for path in OverlayPath.allCases where path != .nodeToNode {
      let first = order.count { $0.first == path }
      #expect(first == 2, "\(path) came first in \(first) of 8 rounds")
    }
    #expect(order.allSatisfy { $0[2] == .nodeToNode })
    #expect(Set(firstDirections).count == 2)
  }

  @Test("An unknown backend is changed before anything is measured under it")
  func otherBackend() {
    let steps = Interleaving.throughputRound(1, backend: "wireguard", timesEcho: false)
    #expect(steps.first == .switchBackend("vxlan"))
  }

  @Test("In a balanced order each thing has each place equally often, and each other one before it")
  func balance() {
    let items = ["a", "b", "c", "d"]
    var places: [String: [Int]] = [:]
    var followers: [String: [String]] = [:]
    for round in 1...8 {
      let turned = Interleaving.balanced(items, round: round)
      #expect(Set(turned) == Set(items) && turned.count == 4)
      for (place, item) in turned.enumerated() { places[item, default: []].append(place) }
      for (item, next) in zip(turned, turned.dropFirst()) where round <= 4 { followers[item, default: []].append(next) }
    }
    for (item, places) in places { #expect(places.sorted() == [0, 0, 1, 1, 2, 2, 3, 3], "\(item)") }
    for item in items { #expect(followers[item]?.sorted() == items.filter { $0 != item }, "\(item)") }
    #expect(Interleaving.balanced([Int](), round: 3).isEmpty && Interleaving.balanced([7], round: 3) == [7])
    // An odd number needs two turns.
    var pairs: [String: Int] = [:]
    for round in 1...6 {
      let turned = Interleaving.balanced(["a", "b", "c"], round: round)
      for (item, next) in zip(turned, turned.dropFirst()) { pairs[item + next, default: 0] += 1 }
    }
    #expect(pairs.count == 6 && Set(pairs.values) == [2], "\(pairs)")
  }
}
