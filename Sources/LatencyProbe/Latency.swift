import HostSystem
import Measurement

/// A measurement of latency: probes of several paths by turns.
public struct Latency {
  public struct Plan: Sendable {
    public var targets: [ProbeTarget]
    /// Probes of each target.
    public var count: Int
    /// From the beginning of one probe to that of the next of the same target; zero waits for nothing.
    public var interval: Duration
    public var setting: Prober.Setting

    public init(
      targets: [ProbeTarget], count: Int = 10, interval: Duration = .zero, setting: Prober.Setting = .init()
    ) {
      self.targets = targets
      self.count = count
      self.interval = interval
      self.setting = setting
    }
  }

  /// What tells of the measurement as it goes.
  public enum Event: Sendable {
    /// The target's place in the plan, and how many probes it has had.
    case probed(target: Int, probe: Probe, number: Int)
    /// No more probes of this target: so many failed one after the other.
    case gaveUp(target: Int)
  }

  /// A target whose probes fail as often as this, one after the other, is not probed any more.
  public static let patience = 3

  private let plan: Plan
  private let probers: [Prober]

  public init(_ plan: Plan) throws(ProbeError) {
    self.plan = plan
    var probers: [Prober] = []
    for target in plan.targets { probers.append(try Prober(target, plan.setting)) }
    self.probers = probers
  }

  /// Probes; an interruption ends the measurement, and the result says so.
  public func run(_ report: (Event) -> Void = { _ in }) -> LatencyResult {
    var result = LatencyResult(plan.targets.map { LatencyResult.Path(url: $0.url) })
    var failures = plan.targets.map { _ in 0 }
    let beginning = Monotonic.now
    let step = UInt64(max(0, plan.interval.seconds) * 1e9)
    do throws(ProbeError) {
      for round in 0..<plan.count {
        for (index, prober) in probers.enumerated() where failures[index] < Self.patience {
          if step > 0 { try Interruption.sleep(until: due(round, index, beginning, step)) }
          if Interruption.hasCome { throw .interrupted }
          let offset = Double((Monotonic.now - beginning) / 1000) / 1e6
          var probe = try prober.probe()
          probe.start = offset
          result.paths[index].probes.append(probe)
          failures[index] = probe.succeeded ? 0 : failures[index] + 1
          report(.probed(target: index, probe: probe, number: round + 1))
          if failures[index] == Self.patience, round + 1 < plan.count { report(.gaveUp(target: index)) }
        }
      }
    } catch {
      result.wasInterrupted = true
    }
    result.finish(planned: plan.count)
    return result
  }

  /// Several targets share the interval evenly, so that their probes do not meet.
  private func due(_ round: Int, _ index: Int, _ beginning: UInt64, _ step: UInt64) -> UInt64 {
    beginning + UInt64(round) * step + UInt64(index) * step / UInt64(probers.count)
  }
}
