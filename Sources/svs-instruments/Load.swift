import ArgumentParser
import Glibc
import HostSystem
import InstrumentCommands
import LoadGenerator
import LocustWorker
import Measurement
import Synchronization

extension LoadCommand {
  func load() async throws {
    let workload = try self.workload()
    if let master {
      try await work(for: Master(host: master, port: masterPort), workload)
    } else {
      try await loadAlone(workload)
    }
  }

  // MARK: - Alone

  private func loadAlone(_ workload: Workload) async throws {
    let settings = self.settings
    let classes = workload.classes.map(\.name)
    let files = DataFiles(json: json, csv: csv)
    try files.check()
    let plan = try judging { () throws(LoadError) in
      try workload.plan(host: workload.host, classes: classes, threads: min(threadCount, users), like: settings)
    }
    let run = LoadRun(plan, users: users, spawnRate: spawnRate, seconds: seconds)
    let clock = RunClock()
    let isQuiet = quiet
    // An interrupt counts from the first request on, and there may be one before the task has a name.
    let stop = StopOnce()
    StopSignal.onFirst { stop.stop() }
    let task = Task<Result<LoadRun.Outcome, LoadError>, Never> {
      var line = ProgressLine(isWanted: !isQuiet)
      do throws(LoadError) {
        let outcome = try await run.run { line.show($0.text) }
        line.clear()
        return .success(outcome)
      } catch {
        line.clear()
        return .failure(error)
      }
    }
    stop.meant(for: task)
    let result = await task.value
    let outcome = try reporting { () throws(LoadError) in try result.get() }
    try tell(outcome, clock, files)
  }

  private func tell(_ outcome: LoadRun.Outcome, _ clock: RunClock, _ files: DataFiles) throws {
    let result = LoadResult(outcome)
    let isFruitless = result.total.requests == result.total.failures
    let unanswered =
      "\(Figures.grouped(Int(result.unanswered))) of \(Figures.grouped(Int(result.total.requests))) requests were not answered"
    let problem: String? =
      outcome.isPartial
      ? "interrupted after \(Figures.duration(outcome.elapsed))"
      : isFruitless ? "no request succeeded" : result.unanswered > 0 ? unanswered : nil
    if json != "-", csv != "-" { print(result.text, terminator: "") }
    try files.write(
      ResultDocument(
        schema: LoadResult.schema, tool: ResultTool(name: "svs bench load"), clock: clock,
        partial: outcome.isPartial, error: problem, series: LoadResult.series(outcome),
        outcomes: LoadResult.outcomes(outcome), result: result), result.csv)
    guard let problem else { return }
    if outcome.isPartial {
      complain("\(problem); these are the figures until then")
      throw ExitCode.interrupted
    }
    complain(problem + LoadResult.reason(outcome, onlyUnanswered: !isFruitless))
    throw isFruitless ? ExitCode.failure : .incomplete
  }

  // MARK: - For a Locust master

  private func work(for master: Master, _ workload: Workload) async throws {
    let worker = LocustWorker(master, workload: workload, threads: threadCount, settings: settings) {
      writeLine("svs: \($0)")
    }
    StopSignal.onFirst { worker.interrupt() }
    let problem = await Task<WorkerError?, Never> {
      do throws(WorkerError) {
        try await worker.run()
        return nil
      } catch {
        return error
      }
    }.value
    if let problem {
      complain(problem.description)
      throw problem.isInterruption ? ExitCode.interrupted : .failure
    }
  }

  // MARK: - What the words mean

  private var threadCount: Int { threads ?? MeasuringEnvironment.here.processors }

  private var settings: @Sendable (inout LoadPlan) -> Void {
    let (version, timeout): (LoadPlan.Version, Double) = (usesHTTP2 ? .http2 : .http1, timeout)
    let (keepsAlive, verifies, rate) = (!closesConnections, !isInsecure, rate)
    let family: LoadPlan.Family? = onlyIPv4 ? .v4 : onlyIPv6 ? .v6 : nil
    return { plan in
      plan.version = version
      plan.timeout = timeout
      plan.keepsAlive = keepsAlive
      plan.verifiesCertificate = verifies
      plan.rate = rate
      plan.family = family
    }
  }

  private func workload() throws -> Workload {
    var workload: Workload
    switch tasks {
    case TaskFile.sampleName: workload = Workload(classes: [.sampleApplication], namesClasses: false)
    // What is wrong in a file is no matter of the words.
    case let file?: workload = try reporting { () throws(LoadError) in try TaskFile.read(at: file) }
    case nil: workload = Workload(classes: [try judging(urlClass)], namesClasses: false)
    }
    if let url {
      let target = try judging { () throws(LoadError) in try Target.parse(url).target }
      workload.host = tasks == nil ? target.description : url
    }
    let headers = try judging { () throws(LoadError) in
      try header.map { text throws(LoadError) in try RequestTask.Header(text) }
    }
    for (index, userClass) in workload.classes.enumerated() {
      for task in userClass.tasks.indices { workload.classes[index].tasks[task].headers += headers }
    }
    return workload
  }

  private func urlClass() throws(LoadError) -> UserClass {
    let path = try url.map { url throws(LoadError) in try Target.parse(url).path } ?? "/"
    let task = try RequestTask(method: method, urlPath: path, body: data)
    return UserClass(name: "User", tasks: [task], wait: waits ?? 0...0)
  }
}

extension LoadRun.Progress {
  fileprivate var text: String {
    if isEnding { return "\(Figures.fixed(elapsed, places: 0)) s  the time is over; waiting for the last answers" }
    let latency = LoadResult.Latency(latest.latency)
    var text = "\(Figures.fixed(elapsed, places: 0)) s  \(users) users  \(Figures.grouped(Int(latest.successes))) req/s"
    if let latency { text += "  p50 \(Figures.duration(latency.p50))  p99 \(Figures.duration(latency.p99))" }
    if failures > 0 { text += "  \(Figures.grouped(Int(failures))) failed" }
    if overdue > 0 { text += "  \(Figures.grouped(Int(overdue))) overdue" }
    return text
  }
}

private func writeLine(_ text: String) {
  let bytes = Array("\(text)\n".utf8)
  _ = write(STDERR_FILENO, bytes, bytes.count)
}

/// A task's cancellation, which may be asked for before there is the task.
private final class StopOnce: Sendable {
  private struct State {
    var isStopped = false
    var cancel: (@Sendable () -> Void)?
  }

  private let state = Mutex(State())

  func stop() {
    state.withLock { state in
      state.isStopped = true
      state.cancel?()
    }
  }

  func meant<Success, Failure>(for task: Task<Success, Failure>) {
    state.withLock { state in
      state.cancel = { task.cancel() }
      if state.isStopped { task.cancel() }
    }
  }
}
