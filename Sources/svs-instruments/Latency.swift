import ArgumentParser
import Glibc
import HostSystem
import InstrumentCommands
import LatencyProbe
import Measurement

extension LatencyCommand {
  func measure() throws {
    let plan = try judging { () throws(ProbeError) in try self.plan() }
    let files = DataFiles(json: json, csv: csv)
    try files.check()
    let latency = try reporting { () throws(ProbeError) in try Latency(plan) }
    try reporting { () throws(SystemError) in try Interruption.arm() }
    let clock = RunClock()
    let result = run(latency, plan)
    try files.write(
      ResultDocument(
        schema: LatencyResult.schema, tool: ResultTool(name: "svs bench latency", libraries: Prober.libraries),
        clock: clock, error: result.shortfall, series: result.series, outcomes: result.outcomes, result: result),
      result.csv)
    if result.wasInterrupted {
      complain("interrupted; these are the figures until then")
      throw ExitCode.interrupted
    }
    if let shortfall = result.shortfall {
      complain(shortfall)
      throw ExitCode.failure
    }
  }

  private func plan() throws(ProbeError) -> Latency.Plan {
    var setting = Prober.Setting()
    setting.version = http1 ? .http1 : http2 ? .http2 : .negotiated
    setting.family = ipv4 ? AF_INET : ipv6 ? AF_INET6 : AF_UNSPEC
    setting.keepAlive = keepAlive
    setting.verifies = !insecure
    setting.authorities = cacert
    setting.timeout = .seconds(timeout)
    setting.userAgent = "svs/\(Release.version)"
    for text in resolve { setting.overrides.append(try AddressOverride(text)) }
    for text in header { try setting.addHeader(text) }
    var targets: [ProbeTarget] = []
    for url in urls { targets.append(try ProbeTarget(url)) }
    return Latency.Plan(targets: targets, count: count, interval: .seconds(interval), setting: setting)
  }

  /// Probes, with what a terminal shows meanwhile, and prints what it comes to.
  private func run(_ latency: Latency, _ plan: Latency.Plan) -> LatencyResult {
    let texts = plan.targets.map(LatencyText.init)
    // Standard output belongs to the data where it is asked for there.
    let isSilent = json == "-" || csv == "-"
    // One path's table grows as it is measured; those of several stand one below the other at the end.
    let isLive = !isSilent && !quiet && texts.count == 1
    var progress = ProgressLine(isWanted: !isLive)
    if isLive { print(texts[0].head) }
    var last = ContinuousClock.now
    let result = latency.run { event in
      switch event {
      case .probed(let target, let probe, let number):
        if isLive {
          print(texts[target].line(probe))
          fflush(nil)
        } else if number == 1 || .now - last > .milliseconds(100) {
          last = .now
          progress.show("\(number) of \(plan.count) probes: \(Figures.duration(probe.times.total))")
        }
      case .gaveUp(let target):
        progress.clear()
        complain("\(plan.targets[target].url): \(Latency.patience) probes in a row failed; no more are sent there")
      }
    }
    progress.clear()
    guard !isSilent else { return result }
    for (text, path) in zip(texts, result.paths) {
      if !isLive, !quiet { print(([path.url, text.head] + path.probes.map(text.line)).joined(separator: "\n")) }
      if !quiet { print() }
      print(text.summary(path))
    }
    return result
  }
}
