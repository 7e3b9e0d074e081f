import Measurement

extension ReportRunner {
  /// Our own generator by the two ways that real users and other pods have, and a Locust master where one is wanted.
  func measureLoad() -> LoadPart {
    var runs: [LoadRun] = []
    let paths: [AccessPath] = [.podByServiceName, .outsideByIngress]
    for access in network.targets.accesses where paths.contains(access.path) && !stop.isRaised {
      guard budget.permits(round: 1, of: .load, measuredSeconds: nil, elapsed: elapsed) else {
        leaveOut("load, \(access.path.title)", round: nil, isWhole: runs.isEmpty)
        continue
      }
      progress(.load, "\(plan.load.users) users, \(access.path.title)")
      runs.append(load(access))
    }
    if plan.load.usesLocust, !stop.isRaised { runs.append(locustLoad()) }
    // No row where the whole report was ended.
    if stop.isRaised { runs.removeAll { $0.requests == 0 } }
    return LoadPart(runs: runs)
  }

  private func load(_ access: ReportTargets.Access) -> LoadRun {
    var run = LoadRun(
      generator: .own, title: access.path.title, host: access.host, url: access.url, users: plan.load.users,
      usersSpawnedPerSecond: plan.load.usersSpawnedPerSecond, seconds: Double(plan.load.seconds))
    do throws(MeasuringError) {
      warmUp(from: access.host, to: access.resolution + [access.url])
      let output = try instrument(
        access.host,
        [
          "load", "-q", "-u", "\(plan.load.users)", "-r", Figures.fixed(plan.load.usersSpawnedPerSecond, places: 2),
          "-t", "\(plan.load.seconds)", "--tasks", "sample", "--json", "-",
        ] + access.loadWords, seconds: Double(plan.load.seconds))
      guard !output.output.isEmpty else { throw MeasuringError(output.complaint) }
      run.take(try LoadReading(json: output.output))
      guard run.requests > run.failures else {
        let commonest = run.failuresByKind.max { ($0.value, $1.key) < ($1.value, $0.key) }
        throw MeasuringError("No request was answered: \(commonest?.key ?? output.complaint)")
      }
    } catch {
      run.failure = failed("load, \(access.path.title)", error)
    }
    return run
  }
}

extension LoadRun {
  mutating func take(_ reading: LoadReading) {
    if reading.seconds > 0 { seconds = reading.seconds }
    requests = reading.total.requests
    failures = reading.total.failures
    failuresByKind = reading.problems
    requestsPerSecond = reading.total.requestsPerSecond
    meanMilliseconds = reading.total.meanMilliseconds
    percentiles = reading.percentiles
    perSecond = reading.perSecond
    generatorProcessorSeconds = reading.processorSeconds
    tasks = reading.tasks.map { row in
      LoadTask(
        name: row.name, requests: row.requests, failures: row.failures, requestsPerSecond: row.requestsPerSecond,
        medianMilliseconds: row.p50Milliseconds, p99Milliseconds: row.p99Milliseconds)
    }
  }
}
