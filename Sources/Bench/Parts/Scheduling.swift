import HostSystem
import Netlink

/// What choosing among a thousand servers costs a connection that opens, scheduler by scheduler.
struct Scheduling {
  let setting: BenchSetting

  private static let servers = 1_000
  /// New connections in one measurement.
  private static let flows = 5_000
  /// rr first: it takes the next server, and its new connection is all that the others have besides choosing.
  private static let schedulers = ["rr", "wrr", "lc", "wlc", "sed", "nq", "twos", "lblc"]

  func run() throws(BenchError) -> Report.Part {
    var part = Report.Part(
      "Scheduling among 1,000 servers", unit: "ns per new connection",
      method: "BPF_PROG_TEST_RUN of SYN packets of ever new flows, one service for each scheduler, in turn; "
        + "scheduling is what remains when rr's new connection is taken off")
    let rounds = setting.repetitions + 1
    let director = try DirectorUnderTest(
      .director, setting, connections: Self.schedulers.count * rounds * Self.flows + 1024, rules: [])
    try director.network.command(["\(setting.programs)/svs", "sysctl", "-w", "svs.twos=1"])
    _ = try director.network.restore(Self.rules)
    let replay = try attempt { () throws(SystemError) in try Replay(objects: setting.objects) }
    var opened = [Int](repeating: 0, count: Self.schedulers.count)
    let samples = try onOneCore { () throws(BenchError) in
      try interleaved(Array(Self.schedulers.indices), repetitions: setting.repetitions) {
        number throws(BenchError) in
        var plan = FramePlan(service: Self.vip(number))
        plan.flags = FramePlan.TCPFlag.syn
        plan.flows = rounds * Self.flows
        plan.first = opened[number]
        opened[number] += Self.flows
        return try director.network.inside("director") { () throws(BenchError) in try Self.measure(plan, replay) }
      }
    }
    let base = samples[0]
    for (name, series) in zip(Self.schedulers, samples) {
      part.rows.append(Report.Row("new connection, \(name)", series))
    }
    for (name, series) in zip(Self.schedulers, samples).dropFirst() {
      let scheduling = max(series.less(base).median, 0) / 1000
      if name == "wlc" {
        part.goals.append(Report.Goal("microseconds of scheduling by wlc", scheduling, .atMost, 12))
      } else {
        part.notes.append("scheduling by \(name): \(Figure.hundredths(scheduling)) microseconds")
      }
    }
    return part
  }

  private static func measure(
    _ plan: FramePlan, _ replay: borrowing Replay
  ) throws(BenchError) -> Double {
    let outcome = try attempt { () throws(SystemError) in
      let attached = try AttachedProgram(on: "d0")
      return try replay.run(attached.descriptor.number, plan, count: flows, from: "d0")
    }
    guard outcome.verdict == Verdict.redirect else {
      throw .invalid("\(plan.service): the last packet met verdict \(outcome.verdict), it should be redirected")
    }
    return outcome.nanoseconds
  }

  private static func vip(_ number: Int) -> IPAddress {
    guard let address = IPAddress("10.9.0.\(number + 1)") else { preconditionFailure("that is an address") }
    return address
  }

  /// Ten addresses, a hundred ports on each; weights differ, so that they count.
  private static var rules: String {
    var text = ""
    for (number, scheduler) in schedulers.enumerated() {
      let service = endpoint(vip(number), 80)
      text += "-A -t \(service) -s \(scheduler)\n"
      for server in 0..<servers {
        let real = endpoint(BenchNetwork.server(1 + server % 10, .ipv4), UInt16(8000 + server / 10))
        text += "-a -t \(service) -r \(real) -m -w \(1 + server % 3)\n"
      }
    }
    return text
  }
}
