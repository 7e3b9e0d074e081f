import HostSystem
import Netlink

/// What a packet of a connection that stands costs under FULLNAT, against NAT in the same director.
struct ExchangeCost {
  let setting: BenchSetting

  private static let flows = 1_000
  private static let ports: (nat: UInt16, fullNAT: UInt16) = (80, 81)

  func measure(into part: inout Report.Part) throws(BenchError) {
    for family in [IPAddress.Family.ipv4, .ipv6] { try measure(family, into: &part) }
  }

  /// As many ports as flows, so that replies can be made to all of them.
  private func localAddress(_ family: IPAddress.Family) -> IPAddress {
    FullNAT.address(family == .ipv4 ? "10.0.0.50" : "fd00:a::50")
  }

  private func measure(_ family: IPAddress.Family, into part: inout Report.Part) throws(BenchError) {
    let vip = BenchNetwork.vip(family)
    let server = BenchNetwork.server(1, family)
    let local = localAddress(family)
    let (nat, full) = ("-t " + endpoint(vip, Self.ports.nat), "-t " + endpoint(vip, Self.ports.fullNAT))
    // Two ports of one server: replies under NAT and under FULLNAT are told apart by them as well.
    let rules = [
      "-A \(nat) -s rr", "-a \(nat) -r \(endpoint(server, 8080)) -m", "-A \(full) -s rr",
      "-a \(full) -r \(endpoint(server, 8081)) --fullnat",
    ]
    let director = try DirectorUnderTest(.director, setting, connections: 4 * Self.flows, rules: rules)
    let first = Int(FramePlan.firstPort)
    try director.network.command([
      "\(setting.programs)/svs", "local-address", "add", "\(local)", "--ports", "\(first)-\(first + Self.flows - 1)",
    ])
    let results = try director.network.inside("director") { () throws(BenchError) -> [Samples] in
      try onOneCore { () throws(BenchError) in
        try samples([
          plan(to: vip, Self.ports.nat), plan(to: vip, Self.ports.fullNAT),
          reply(from: server, 8080, to: FramePlan.firstClient(family)), reply(from: server, 8081, to: local),
        ])
      }
    }
    let name = family == .ipv4 ? "TCP/IPv4" : "TCP/IPv6"
    for (what, pair) in [("packet", (results[0], results[1])), ("reply", (results[2], results[3]))] {
      let ratio = pair.1.ratio(to: pair.0)
      part.rows.append(Report.Row("\(name), \(what): NAT, ns", pair.0))
      part.rows.append(Report.Row("\(name), \(what): FULLNAT, ns", pair.1, ratio: ratio))
      part.goals.append(Report.Goal("\(name), established \(what), FULLNAT against NAT", ratio, .atMost, 1.15))
    }
  }

  private func plan(to vip: IPAddress, _ port: UInt16) -> FramePlan {
    var plan = FramePlan(service: vip, port: port)
    plan.flows = Self.flows
    return plan
  }

  private func reply(from server: IPAddress, _ port: UInt16, to client: IPAddress) -> FramePlan {
    var plan = FramePlan(service: server, port: port)
    plan.flows = Self.flows
    plan.client = client
    plan.replies = true
    plan.mac = BenchNetwork.backMAC
    return plan
  }

  private func samples(_ plans: [FramePlan]) throws(BenchError) -> [Samples] {
    let replay = try attempt { () throws(SystemError) in try Replay(objects: setting.objects) }
    let attached = try attempt { () throws(SystemError) in try AttachedProgram(on: "d0") }
    let empty = try attempt { () throws(SystemError) in try replay.nothing() }
    for plan in plans where !plan.replies {
      var opening = plan
      for flags in [FramePlan.TCPFlag.syn, FramePlan.TCPFlag.ack] {
        opening.flags = flags
        _ = try attempt { () throws(SystemError) in
          try replay.run(attached.descriptor.number, opening, count: plan.flows, from: "d0")
        }
      }
    }
    // The last subject is the empty program.
    let raw = try interleaved(Array(0...plans.count), repetitions: setting.repetitions) { index throws(BenchError) in
      let plan = plans[min(index, plans.count - 1)]
      let program = index < plans.count ? attached.descriptor.number : empty
      let outcome = try attempt { () throws(SystemError) in
        try replay.run(program, plan, count: 400_000, from: plan.replies ? "d1" : "d0")
      }
      if index < plans.count, outcome.verdict != Verdict.redirect {
        throw .invalid(
          "\(plan.replies ? "replies" : "packets") at port \(plan.port): the last one met verdict \(outcome.verdict), "
            + "it should be redirected")
      }
      return outcome.nanoseconds
    }
    return raw.prefix(plans.count).map { $0.less(raw[plans.count]) }
  }
}
