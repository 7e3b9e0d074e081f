import Netlink

/// How fast FULLNAT opens connections over veth on one core, against nftables' DNAT with masquerade.
struct NewConnections {
  let setting: BenchSetting

  /// New connections in one measurement: few enough for the one address that masquerade has.
  private static let flows = 16_000

  func measure(into part: inout Report.Part) throws(BenchError) {
    // Ten servers, so that masquerade finds a free port at once to the last.
    let rules =
      ["-A -t 10.9.0.1:80 -s rr"]
      + (1...10).map { "-a -t 10.9.0.1:80 -r \(BenchNetwork.server($0, .ipv4)):80 --fullnat" }
    let rounds = setting.repetitions + 1
    let benches = try [Subject.director, .nftables, .nothing].map { subject throws(BenchError) in
      try OpeningBench(subject, setting, rules: rules, flows: rounds * Self.flows)
    }
    let samples = try onOneCore { () throws(BenchError) in
      try interleaved(benches, repetitions: setting.repetitions) { bench throws(BenchError) in
        try bench.measure(Self.flows)
      }
    }
    let (ours, theirs) = (samples[0], samples[1])
    part.rows.append(
      Report.Row("new TCP connection: FULLNAT, ns", ours, ratio: theirs.ratio(to: ours)))
    part.rows.append(Report.Row("new TCP connection: nftables DNAT and masquerade, ns", theirs))
    part.rows.append(Report.Row("new TCP connection: sender, devices and receiver alone, ns", samples[2]))
    part.goals.append(
      Report.Goal("new connections/s, FULLNAT against nftables", theirs.ratio(to: ours), .atLeast, 1.5))
  }
}

/// One subject, with SYN packets of ever new flows.
private final class OpeningBench {
  private let director: DirectorUnderTest
  private let traffic: LiveTraffic
  private var plan: FramePlan

  init(_ subject: Subject, _ setting: BenchSetting, rules: [String], flows: Int) throws(BenchError) {
    director = try DirectorUnderTest(
      subject, setting, connections: flows + 1024, rules: rules, nftables: Self.masquerade)
    if subject == .director {
      try director.network.command(["\(setting.programs)/svs", "local-address", "add", "10.0.0.48/28"])
    }
    traffic = try LiveTraffic(director.network, objects: setting.objects)
    plan = FramePlan(service: BenchNetwork.vip(.ipv4))
    plan.mac = BenchNetwork.directorMAC
    plan.flags = FramePlan.TCPFlag.syn
    plan.flows = flows
    // Of the director's network: 10.0.0.1 under masquerade, 10.0.0.48 and on under FULLNAT.
    if subject != .nothing { plan.arriving = FullNAT.address("10.0.0.1") }
  }

  func measure(_ count: Int) throws(BenchError) -> Double {
    let outcome = try traffic.send(plan, count: count, director.network)
    plan.first += count
    guard outcome.arrived > count * 9 / 10 else {
      throw .invalid("\(director.subject.rawValue): of \(count) new connections \(outcome.arrived) reached a server")
    }
    return outcome.nanosecondsPerPacket
  }

  private static let masquerade = """
    table ip bench {
      chain prerouting {
        type nat hook prerouting priority dstnat;
        ip daddr 10.9.0.1 tcp dport 80 dnat to numgen inc mod 10 map { 0 : 10.0.0.11, 1 : 10.0.0.12, 2 : 10.0.0.13, \
    3 : 10.0.0.14, 4 : 10.0.0.15, 5 : 10.0.0.16, 6 : 10.0.0.17, 7 : 10.0.0.18, 8 : 10.0.0.19, 9 : 10.0.0.20 }
      }
      chain postrouting {
        type nat hook postrouting priority srcnat;
        oifname "d1" masquerade
      }
    }

    """
}
