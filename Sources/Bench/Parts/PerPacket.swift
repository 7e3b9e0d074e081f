import HostSystem
import Netlink

/// What a packet of a connection that stands costs, in our program, in its C twin and in the first release's program, by
/// BPF_PROG_TEST_RUN.
struct PerPacket {
  let setting: BenchSetting

  private struct Case {
    var name: String
    var plan: FramePlan
    var method: Character
    var device = "d0"
    var isPromised = false
  }

  /// Packets of one measurement: fewer where flows are many, so that their ways, which serve for a second, are still
  /// known when the turn comes to the next.
  private static func runLength(_ plan: FramePlan) -> Int { plan.flows > 10_000 ? 2 * plan.flows : 400_000 }

  func run() throws(BenchError) -> Report.Part {
    var part = Report.Part(
      "Established connections", unit: "ns per packet",
      method: "BPF_PROG_TEST_RUN of the attached director, of the C twin on its maps and of the first release's object "
        + "(Foundation) on its own, in turn; "
        + "less what an empty program costs in the same run")
    for item in Self.cases { try measure(item, into: &part) }
    return part
  }

  private static var cases: [Case] {
    let four = FramePlan(service: BenchNetwork.vip(.ipv4))
    let six = FramePlan(service: BenchNetwork.vip(.ipv6))
    var udp = four
    udp.transport = .udp
    var one = four
    one.flows = 1
    var many = four
    many.flows = 100_000
    var reply = FramePlan(service: BenchNetwork.server(1, .ipv4), port: 8080)
    reply.replies = true
    reply.mac = BenchNetwork.backMAC
    return [
      Case(name: "NAT, TCP/IPv4, 1 flow", plan: one, method: "m"),
      Case(name: "NAT, TCP/IPv4, 1,000 flows", plan: four, method: "m", isPromised: true),
      Case(name: "NAT, TCP/IPv4, 100,000 flows", plan: many, method: "m"),
      Case(name: "NAT reply, TCP/IPv4, 1,000 flows", plan: reply, method: "m", device: "d1"),
      Case(name: "NAT, UDP/IPv4, 1,000 flows", plan: udp, method: "m"),
      Case(name: "NAT, TCP/IPv6, 1,000 flows", plan: six, method: "m", isPromised: true),
      Case(name: "DR, TCP/IPv4, 1,000 flows", plan: four, method: "g"),
    ]
  }

  private func measure(_ item: Case, into part: inout Report.Part) throws(BenchError) {
    let family = item.plan.family
    let udp = item.plan.transport == .udp
    let service = "-\(udp ? "u" : "t") " + endpoint(BenchNetwork.vip(family), 80)
    let server = endpoint(BenchNetwork.server(1, family), item.method == "m" ? 8080 : 80)
    let rules = ["-A \(service) -s rr", "-a \(service) -r \(server) -\(item.method)"]
    let director = try DirectorUnderTest(.director, setting, connections: item.plan.flows + 1024, rules: rules)
    let series = try director.network.inside("director") { () throws(BenchError) -> [Samples] in
      try onOneCore { () throws(BenchError) in try samples(item) }
    }
    let (ours, twin, foundation) = (series[0], series[1], series[2])
    part.rows.append(Report.Row("\(item.name): Swift", ours, ratio: ours.ratio(to: twin)))
    part.rows.append(Report.Row("\(item.name): C twin", twin))
    part.rows.append(Report.Row("\(item.name): Foundation", foundation, ratio: ours.ratio(to: foundation)))
    if item.isPromised {
      part.goals.append(
        Report.Goal(
          "\(item.name): established-flow NAT against Foundation's object", ours.ratio(to: foundation), .atMost,
          1.15))
      part.goals.append(
        Report.Goal("\(item.name): Swift against the C twin", ours.ratio(to: twin), .atMost, 1.15))
    }
  }

  /// Swift's nanoseconds and the twin's, the replay's own cost taken off.
  private func samples(_ item: Case) throws(BenchError) -> [Samples] {
    let replay = try attempt { () throws(SystemError) in try Replay(objects: setting.objects) }
    let attached = try attempt { () throws(SystemError) in try AttachedProgram(on: "d0") }
    let twin = try attempt { () throws(SystemError) in try Twin(objects: setting.objects) }
    let (director, empty) = (attached.descriptor.number, try attempt { () throws(SystemError) in try replay.nothing() })
    let other = try attempt { () throws(SystemError) in try twin.program() }
    let rules = Foundation.Rules(
      service: BenchNetwork.vip(item.plan.family), server: BenchNetwork.server(1, item.plan.family),
      transport: item.plan.transport, serverPort: item.method == "m" ? 8080 : 80, isNAT: item.method == "m")
    let foundation = try attempt { () throws(SystemError) in
      try Foundation(objects: setting.objects, connections: item.plan.flows + 1024, rules)
    }
    let first = try attempt { () throws(SystemError) in try foundation.program() }
    try attempt { () throws(SystemError) in
      try establish(item.plan, by: replay, director)
      try establish(item.plan, by: replay, first)
    }

    let raw = try interleaved([director, other, first, empty], repetitions: setting.repetitions) {
      program throws(BenchError) in
      let outcome = try attempt { () throws(SystemError) in
        try replay.run(program, item.plan, count: Self.runLength(item.plan), from: item.device)
      }
      if program != empty, outcome.verdict != Verdict.redirect {
        throw .invalid("\(item.name): the last packet met verdict \(outcome.verdict), it should be redirected")
      }
      return outcome.nanoseconds
    }
    let left = try attempt { () throws(SystemError) in try twin.left() }
    let total = Self.runLength(item.plan) * (setting.repetitions + 1)
    // Now and then every flow's way is looked up anew, and that is the director's work.
    guard left < total / 50 + 4 * item.plan.flows else {
      throw .invalid("\(item.name): the twin left \(left) of \(total) packets to the director")
    }
    return raw.dropLast().map { $0.less(raw[3]) }
  }

  private func establish(_ plan: FramePlan, by replay: borrowing Replay, _ program: CInt) throws(SystemError) {
    var opening = plan
    if plan.replies {
      opening = FramePlan(service: BenchNetwork.vip(plan.family))
      opening.flows = plan.flows
    }
    opening.flags = FramePlan.TCPFlag.syn
    _ = try replay.run(program, opening, count: plan.flows, from: "d0")
    opening.flags = FramePlan.TCPFlag.ack
    _ = try replay.run(program, opening, count: plan.flows, from: "d0")
  }
}

enum Verdict {
  static let redirect: UInt32 = 4
}

/// `address:port`, as ipvsadm takes it.
func endpoint(_ address: IPAddress, _ port: UInt16) -> String {
  address.family == .ipv4 ? "\(address):\(port)" : "[\(address)]:\(port)"
}
