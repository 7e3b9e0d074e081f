extension ReportRunner {
  /// A load that a real Locust master leads, whose web page is asked for through the ingress.
  func locustLoad() -> LoadRun {
    let target = network.targets.locust
    var run = LoadRun(
      generator: .locust, title: "Locust", host: target?.host ?? "", url: target?.applicationURL ?? "",
      users: plan.load.users, usersSpawnedPerSecond: plan.load.usersSpawnedPerSecond,
      seconds: Double(plan.load.seconds))
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

  /// Starts the users by the master's web page, waits as long as the plan says, and reads what came of it.
  private func lead(
    _ run: inout LoadRun, _ locust: inout LocustSummary, _ target: ReportTargets.Locust
  ) throws(MeasuringError) {
    try waitForWorkers(&locust, target)
    let form = "user_count=\(plan.load.users)&spawn_rate=\(plan.load.usersSpawnedPerSecond)"
    _ = try ask(target, "swarm", ["-d", "\(form)&host=\(target.applicationURL)"])
    defer { _ = try? ask(target, "stop") }
    guard stop.rest(.seconds(plan.load.seconds)) else { throw MeasuringError("It was ended early.") }
    let reading = try LocustReading(json: try ask(target, "stats/requests"))
    run.requests = reading.requests
    run.failures = reading.failures
    run.failuresByKind = reading.failuresByKind
    run.requestsPerSecond = reading.requestsPerSecond
    run.meanMilliseconds = reading.meanMilliseconds
    run.percentiles = reading.percentiles
    run.tasks = reading.tasks
    guard run.requests > run.failures else { throw MeasuringError("No request was answered.") }
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
