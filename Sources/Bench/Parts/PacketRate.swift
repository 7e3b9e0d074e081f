import Netlink

/// Packets per second over veth on one core, against nftables' DNAT and plain forwarding.
struct PacketRate {
  let setting: BenchSetting

  func run() throws(BenchError) -> Report.Part {
    var part = Report.Part(
      "NAT over veth, one core, 1,000 UDP flows", unit: "ns per packet",
      method: "live frames from the client counted at the servers; the sender's and the receiver's work is included")
    let rules =
      ["-A -u 10.9.0.1:80 -s rr"] + (1...3).map { "-a -u 10.9.0.1:80 -r \(BenchNetwork.server($0, .ipv4)):80 -m" }
    let benches = try Subject.allCases.map { subject throws(BenchError) in
      try RateBench(subject, setting, rules: rules)
    }
    let samples = try onOneCore { () throws(BenchError) in
      try interleaved(benches, repetitions: setting.repetitions) { bench throws(BenchError) in
        try bench.measure(count: 500_000)
      }
    }
    let nftables = samples[2]
    for (bench, series) in zip(benches, samples) {
      part.rows.append(
        Report.Row(bench.director.subject.rawValue, series, ratio: nftables.ratio(to: series)))
    }
    part.notes.append(
      "Without what sender, devices and receiver cost by themselves: "
        + "\(Figure.hundredths(nftables.less(samples[4]).ratio(to: samples[0].less(samples[4])))) times nftables' rate."
    )
    part.goals.append(Report.Goal("packets/s against nftables DNAT", nftables.ratio(to: samples[0]), .atLeast, 3))
    return part
  }
}

/// One subject of the rate, with its traffic.
private final class RateBench {
  let director: DirectorUnderTest
  private let traffic: LiveTraffic

  init(_ subject: Subject, _ setting: BenchSetting, rules: [String]) throws(BenchError) {
    director = try DirectorUnderTest(subject, setting, rules: rules)
    traffic = try LiveTraffic(director.network, objects: setting.objects)
  }

  func measure(count: Int) throws(BenchError) -> Double {
    let target =
      [.forwarding, .nothing].contains(director.subject) ? BenchNetwork.server(1, .ipv4) : BenchNetwork.vip(.ipv4)
    var plan = FramePlan(service: target)
    plan.transport = .udp
    plan.mac = BenchNetwork.directorMAC
    let outcome = try traffic.send(plan, count: count, director.network)
    guard outcome.arrived > count / 2 else {
      throw .invalid("\(director.subject.rawValue): of \(count) packets \(outcome.arrived) arrived")
    }
    return outcome.nanosecondsPerPacket
  }
}
