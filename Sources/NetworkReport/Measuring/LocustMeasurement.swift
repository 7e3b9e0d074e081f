import HostSystem

extension ReportRunner {
  /// A load that a real Locust master leads, whose web page is asked for through the ingress.
  func locustLoad() -> LoadRun {
    let target = network.targets.locust
    var run = LoadRun(
      generator: .locust, title: AccessPath.podByServiceName.title, host: target?.host ?? "",
      url: target?.applicationURL ?? "", users: plan.load.users,
      usersSpawnedPerSecond: plan.load.usersSpawnedPerSecond, seconds: Double(plan.load.seconds))
    guard let target else {
      run.failure = failed("load, Locust", MeasuringError("The cluster has no Locust master: build it with --locust."))
      return run
    }
    progress(.load, "Locust, \(plan.load.users) users")
    do throws(MeasuringError) {
      var locust = LocustSummary(webURL: target.web.url, workers: 0)
      defer { run.locust = locust }
      locust.version = version(on: target.host)
      locust.webStatus = try webStatus(target.web)
      guard locust.webStatus == 200 else {
        throw MeasuringError(
          "Its web page \(target.web.url) was answered with status \(locust.webStatus.map(String.init) ?? "-").")
      }
      let worker = try network.start(
        target.host,
        [
          setting.instruments, "bench", "load", "--master", "\(target.address)", "--master-port", "\(target.port)",
          "--tasks", "sample", "-q", target.applicationURL,
        ])
      defer { network.stop(worker) }
      try lead(&run, &locust, target)
    } catch {
      run.failure = failed("load, Locust", error)
    }
    return run
  }

  /// `locust 2.47.0 from … (Python 3.11)` is what it says of itself.
  private func version(on host: String) -> String? {
    guard let output = try? network.run(host, ["locust", "--version"], timeout: .seconds(20)), output.succeeded else {
      return nil
    }
    let words = output.output.split(whereSeparator: \.isWhitespace)
    return words.count > 1 && words[0] == "locust" ? String(words[1].prefix(40)) : nil
  }

  private func webStatus(_ web: ReportTargets.Access) throws(MeasuringError) -> Int? {
    let output = try instrument(
      web.host, ["latency", "-q", "-n", "1", "--json", "-"] + web.resolution + [web.url], seconds: 10)
    return try LatencyReading(json: output.output).requests.first?.status
  }

  /// Starts the users by the master's web page, waits as long as the plan says, ends them, and reads what came of it.
  ///
  /// Workers report every three seconds, and what they did since when they are stopped: before that it is not all.
  private func lead(
    _ run: inout LoadRun, _ locust: inout LocustSummary, _ target: ReportTargets.Locust
  ) throws(MeasuringError) {
    try waitForWorkers(&locust, target)
    let form = "user_count=\(plan.load.users)&spawn_rate=\(plan.load.usersSpawnedPerSecond)"
    _ = try ask(target, "swarm", ["-d", "\(form)&host=\(target.applicationURL)"])
    let start = elapsed
    guard stop.rest(.seconds(plan.load.seconds)) else { throw MeasuringError("It was ended early.") }
    let seconds = elapsed - start
    try endUsers(target)
    var reading = try finalReading(target)
    if let table = try? ask(target, "stats/requests/csv") { reading.take(percentilesOf: table) }
    run.take(reading, seconds: seconds)
    guard run.requests > run.failures else {
      let commonest = run.failuresByKind.max { ($0.value, $1.key) < ($1.value, $0.key) }
      throw MeasuringError("No request was answered\(commonest.map { ": \($0.key)" } ?? "").")
    }
  }

  /// Returns when the last worker has reported.
  private func endUsers(_ target: ReportTargets.Locust) throws(MeasuringError) {
    do throws(MeasuringError) { _ = try ask(target, "stop", ["-X", "POST"]) } catch {
      // Locust 2.12, which is Debian 12's, takes a GET.
      guard (try? ask(target, "stop")) != nil else { throw error }
    }
  }

  /// The figures once the test has ended; the page is made anew every two seconds, and may be an older one.
  private func finalReading(_ target: ReportTargets.Locust) throws(MeasuringError) -> LocustReading {
    let deadline = Deadline(in: .seconds(10))
    while true {
      let reading = try LocustReading(json: try ask(target, "stats/requests"))
      if reading.hasEnded || deadline.hasPassed { return reading }
      guard stop.rest(.milliseconds(200)) else { throw MeasuringError("It was ended early.") }
    }
  }

  private func waitForWorkers(_ locust: inout LocustSummary, _ target: ReportTargets.Locust) throws(MeasuringError) {
    for _ in 0..<50 {
      locust.workers = try LocustReading(json: try ask(target, "stats/requests")).workers
      if locust.workers > 0 { return }
      guard stop.rest(.milliseconds(200)) else { throw MeasuringError("It was ended early.") }
    }
    throw MeasuringError("No worker has reached the master within 10 seconds.")
  }

  /// A page of the master's web interface, from outside through the ingress.
  private func ask(
    _ target: ReportTargets.Locust, _ page: String, _ words: [String] = []
  ) throws(MeasuringError) -> String {
    let base = target.web.url.hasSuffix("/") ? target.web.url : target.web.url + "/"
    let route = target.web.address.map { ["--connect-to", "::\($0):"] } ?? []
    let output = try network.run(
      target.web.host, ["curl", "-sS", "--fail", "--max-time", "10"] + route + words + [base + page],
      timeout: .seconds(15))
    guard output.succeeded else { throw MeasuringError("\(base + page): \(output.complaint)") }
    return output.output
  }
}

extension LoadRun {
  /// - Parameter seconds: from the first user to the word that ended them. Locust's own times are not for short tests:
  ///   its rate leaves out the last two seconds.
  mutating func take(_ reading: LocustReading, seconds: Double) {
    func rate(_ requests: Int, _ failures: Int) -> Double? {
      requests > failures && seconds > 0 ? Double(requests - failures) / seconds : nil
    }
    self.seconds = seconds
    requests = reading.requests
    failures = reading.failures
    failuresByKind = reading.failuresByKind
    requestsPerSecond = rate(reading.requests, reading.failures)
    meanMilliseconds = reading.meanMilliseconds
    percentiles = reading.percentiles
    tasks = reading.tasks.map { task in
      var task = task
      task.requestsPerSecond = rate(task.requests, task.failures)
      return task
    }
  }
}
