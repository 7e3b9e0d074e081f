import ArgumentParser
import Cluster
import ClusterModel
import Glibc
import HostSystem
import InstrumentCommands
import Measurement
import NetworkReport
import Synchronization

extension ReportCommand {
  /// Builds the cluster, measures it, removes it, and tells what there is to tell.
  func report() throws {
    for place in [json, markdown, html].compactMap(\.self) {
      try reporting { () throws(ResultFileError) in try ResultFile.check(place) }
    }
    var description = try reporting { () throws(ClusterDescriptionError) in
      try ClusterDescription.described(by: cluster.map { [$0] } ?? [])
    }
    // The standard cluster has the master's Deployment, of no pods: a Locust is not on every machine.
    if locust { try reporting { () throws(ScalingError) in try description.scale("locust-master", to: 1) } }
    let layout = try reporting { () throws(ClusterDescriptionError) in try description.layout() }
    let clock = RunClock()
    let stop = try reporting { () throws(MeasuringError) in try StopRequest() }
    StopSignal.onFirst { stop.raise() }
    let outcome = try measure(layout, stop)
    try tell(outcome, clock)
  }

  private var plan: ReportPlan {
    let parts = Set(only.isEmpty ? ReportPart.allCases : only.compactMap { ReportPart(rawValue: $0.rawValue) })
    if quick { return .quick(parts: parts, usesLocust: locust) }
    return .full(rounds: rounds ?? 7, seconds: seconds ?? 5, parts: parts, usesLocust: locust)
  }

  private func measure(_ layout: ClusterLayout, _ stop: StopRequest) throws -> NetworkReport {
    let line = Mutex(ProgressLine(isWanted: !quiet))
    var options = RunningCluster.Options()
    options.progress = { text in line.withLock { $0.show("building: \(text)") } }
    options.isAbandoned = { stop.isRaised }
    // What the cluster mended or could not while it was measured: figures may be wrong for it.
    let troubles = Mutex<[String]>([])
    options.report = { text in troubles.withLock { $0.append(text) } }
    defer { line.withLock { $0.clear() } }
    let start = ContinuousClock.now
    let cluster: RunningCluster
    do throws(ClusterError) {
      cluster = try RunningCluster(layout, name: "report\(getpid())", options: options)
    } catch {
      line.withLock { $0.clear() }
      complain("\(error)")
      throw stop.isRaised ? ExitCode(130) : ExitCode.failure
    }
    let built = ContinuousClock.now
    var report: NetworkReport
    do throws(MeasuringError) {
      let network = try ClusterNetwork(cluster, stop: stop)
      let setting = ReportRunner.Setting(
        plan: plan, instruments: cluster.instruments, versions: ["svs": Release.version])
      let runner = ReportRunner(network, setting, stop: stop) { progress in
        line.withLock {
          $0.show(
            "\(Int(progress.elapsedSeconds)) of \(Int(progress.allottedSeconds)) s, \(progress.part.rawValue): "
              + progress.text)
        }
      }
      report = runner.run(building: (built - start).seconds)
    } catch {
      try? cluster.down()
      line.withLock { $0.clear() }
      complain("\(error)")
      throw ExitCode.failure
    }
    report.failures += troubles.withLock { $0 }.map { MeasurementFailure(measurement: "the cluster", reason: $0) }
    let removing = ContinuousClock.now
    line.withLock { $0.show("removing the cluster") }
    do throws(ClusterError) { try cluster.down() } catch {
      report.failures.append(MeasurementFailure(measurement: "removal of the cluster", reason: "\(error)"))
    }
    report.phases.append(PhaseTime(name: "remove", seconds: (ContinuousClock.now - removing).seconds))
    return report
  }

  private func tell(_ report: NetworkReport, _ clock: RunClock) throws {
    let document = ReportJSON.document(report, clock: clock)
    try reporting { () throws(ResultFileError) in
      if let json { try ResultFile.write(text: try ReportJSON.text(document), to: json) }
      if let html { try ResultFile.write(text: ReportPage(documentName: Self.name(of: json)).html(report), to: html) }
      if let markdown {
        let text = ReportMarkdown(pageName: Self.name(of: html), documentName: Self.name(of: json), showsRows: rows)
          .text(report)
        try ResultFile.write(text: text, to: markdown)
      }
    }
    if ![json, markdown].contains("-") {
      print(
        ReportText(isColoured: isatty(STDOUT_FILENO) == 1, showsDetail: !quick || rows, showsRows: rows).text(report))
    }
    if report.wasInterrupted { throw ExitCode(130) }
    if !report.failures.isEmpty { throw ExitCode(2) }
  }

  /// What a page beside it calls a file: its name without folders; nil where there is none.
  private static func name(of path: String?) -> String? {
    guard let path, path != "-" else { return nil }
    return path.split(separator: "/").last.map(String.init)
  }
}
