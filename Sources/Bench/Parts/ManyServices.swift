import HostSystem
import Netlink

/// Ten thousand services with ten servers each: how long their rules take, and what they cost a packet.
struct ManyServices {
  let setting: BenchSetting

  static let services = 10_000
  static let servers = 10
  /// As many flows in both measurements, so that they differ in services alone.
  static let flows = 10_000

  func run() throws(BenchError) -> Report.Part {
    var part = Report.Part(
      "10,000 services with 10 servers each", unit: "see each row",
      method: "ipvsadm -R from a pipe; 10,000 established flows over all services against the same over one, in turn")
    let many = try ServicesBench(setting, services: Self.services)
    let one = try ServicesBench(setting, services: 1)
    let benches = [many, one]
    let samples = try onOneCore { () throws(BenchError) in
      try interleaved(benches, repetitions: setting.repetitions) { bench throws(BenchError) in try bench.measure() }
    }
    let ratio = samples[0].ratio(to: samples[1])
    var seconds = Samples()
    seconds.add(many.restoreSeconds)
    part.rows.append(Report.Row("ipvsadm -R, seconds", seconds))
    part.rows.append(Report.Row("packet, 10,000 services, ns", samples[0], ratio: ratio))
    part.rows.append(Report.Row("packet, 1 service, ns", samples[1]))
    part.goals.append(Report.Goal("seconds of ipvsadm -R", many.restoreSeconds, .atMost, 5))
    part.goals.append(Report.Goal("cost of a packet against one service", ratio, .atMost, 1.2))
    return part
  }
}

private final class ServicesBench {
  private let director: DirectorUnderTest
  private let replay: Replay
  private let plan: FramePlan
  let restoreSeconds: Double

  init(_ setting: BenchSetting, services: Int) throws(BenchError) {
    var plan = FramePlan(service: BenchNetwork.vip(.ipv4))
    plan.flows = ManyServices.flows
    plan.services = services
    let director = try DirectorUnderTest(.director, setting, connections: 2 * ManyServices.flows, rules: [])
    restoreSeconds = try director.network.restore(Self.rules(services))
    let replay = try attempt { () throws(SystemError) in try Replay(objects: setting.objects) }
    self.director = director
    self.replay = replay
    self.plan = plan
    _ = try run(FramePlan.TCPFlag.syn, count: plan.flows)
    _ = try run(FramePlan.TCPFlag.ack, count: plan.flows)
  }

  func measure() throws(BenchError) -> Double { try run(FramePlan.TCPFlag.ack, count: 400_000) }

  private func run(_ flags: UInt8, count: Int) throws(BenchError) -> Double {
    var plan = plan
    plan.flags = flags
    let outcome = try director.network.inside("director") { () throws(BenchError) in
      try attempt { () throws(SystemError) in
        let attached = try AttachedProgram(on: "d0")
        return try replay.run(attached.descriptor.number, plan, count: count, from: "d0")
      }
    }
    guard outcome.verdict == Verdict.redirect else {
      throw .invalid("\(plan.services) services: the last packet met verdict \(outcome.verdict)")
    }
    return outcome.nanoseconds
  }

  private static func rules(_ services: Int) -> String {
    var text = ""
    for number in 0..<services {
      // 10.9.0.1 and on, as the frames count.
      let word = UInt32(10) << 24 | UInt32(9) << 16 | UInt32(number + 1)
      let service = "\(word >> 24).\(word >> 16 & 255).\(word >> 8 & 255).\(word & 255):80"
      text += "-A -t \(service) -s rr\n"
      for server in 1...ManyServices.servers {
        text += "-a -t \(service) -r \(BenchNetwork.server(server, .ipv4)):80 -m -w 1\n"
      }
    }
    return text
  }
}
