import HostSystem
import Measurement

/// Measures a network by a plan, part by part, and draws the conclusions.
///
/// What fails becomes a ``MeasurementFailure`` and the rest goes on; a stop leaves a report of what there is. All
/// programs it starts are instruments of this product, which speak JSON.
public final class ReportRunner {
  public struct Setting: Sendable {
    public var plan: ReportPlan
    /// The program that does `bench …`: `svs-instruments`, or `svs`.
    public var instruments: String
    /// Versions that the caller knows, by program.
    public var versions: [String: String]

    public init(plan: ReportPlan, instruments: String, versions: [String: String] = [:]) {
      self.plan = plan
      self.instruments = instruments
      self.versions = versions
    }
  }

  /// How far it has come.
  public struct Progress: Sendable {
    public var part: ReportPart
    /// What is being measured: `round 2 of 4: pod to pod on another node, vxlan`.
    public var text: String
    public var elapsedSeconds: Double
    public var allottedSeconds: Double
  }

  let network: any MeasuredNetwork
  let setting: Setting
  let stop: StopRequest
  let tell: (Progress) -> Void
  private let beginning = ContinuousClock.now
  var failures: [MeasurementFailure] = []
  private var omissions: [MeasurementFailure] = []
  var backend: String
  private var phases: [PhaseTime] = []

  var plan: ReportPlan { setting.plan }
  var budget: TimeBudget { TimeBudget(plan: plan) }
  var elapsed: Double { (ContinuousClock.now - beginning).seconds }

  public init(
    _ network: any MeasuredNetwork, _ setting: Setting, stop: StopRequest, tell: @escaping (Progress) -> Void = { _ in }
  ) {
    self.network = network
    self.setting = setting
    self.stop = stop
    self.tell = tell
    backend = network.initialBackend
  }

  /// Measures all that is planned. What the network is to be when it returns is what it was before.
  ///
  /// - Parameter building: how long the cluster took to build, where that is known.
  public func run(building: Double? = nil) -> NetworkReport {
    if let building { phases.append(PhaseTime(name: "build", seconds: building)) }
    let clients = ClientSettings(network)
    var environment = phase("environment") {
      // A single connection at a time needs no settings.
      if !plan.parts.isDisjoint(with: [.latency, .load, .services]) { clients.make() }
      return EnvironmentSurvey(network: network, setting: setting, stop: stop).result
    }
    environment.settings = clients.settings
    if !stop.isRaised { environment.warnings += clients.warnings }
    var report = NetworkReport(cluster: network.summary, environment: environment, plan: plan.summary)
    if wants(.latency) { report.latency = phase("latency") { measureLatency() } }
    if wants(.load) { report.load = phase("load") { measureLoad() } }
    if wants(.throughput) { report.throughput = phase("throughput") { measureThroughput() } }
    if wants(.services) { report.services = phase("services") { measureServices() } }
    stop.ignoring {
      restore()
      failures += clients.putBack()
    }
    report.failures = failures
    report.omissions = omissions
    report.phases = phases
    report.wasInterrupted = stop.isRaised
    report.conclusions = Conclusions.of(report)
    return report
  }

  private func wants(_ part: ReportPart) -> Bool { plan.parts.contains(part) && !stop.isRaised }

  private func phase<Result>(_ name: String, _ body: () -> Result) -> Result {
    let start = elapsed
    let result = body()
    phases.append(PhaseTime(name: name, seconds: elapsed - start))
    return result
  }

  private func restore() {
    guard backend != network.initialBackend else { return }
    do throws(MeasuringError) {
      try network.switchBackend(to: network.initialBackend)
      backend = network.initialBackend
    } catch {
      failures.append(
        MeasurementFailure(measurement: "return to the backend \(network.initialBackend)", reason: "\(error)"))
    }
  }

  // MARK: What all parts share

  /// Rounds of a part, as long as there is time; what is left out is told.
  func rounds(of part: ReportPart, _ count: Int, _ body: (Int) -> Void) {
    var slowest: Double?
    for round in 1...max(1, count) {
      guard !stop.isRaised else { return }
      guard budget.permits(round: round, of: part, measuredSeconds: slowest, elapsed: elapsed) else {
        let which = round == count ? "round \(round)" : "rounds \(round) to \(count)"
        leaveOut("\(part.rawValue), \(which)", round: round, isWhole: round == 1)
        return
      }
      let start = elapsed
      body(round)
      slowest = max(slowest ?? 0, elapsed - start)
    }
  }

  /// Tells of what there was no time for: a failure only where nothing is left of it.
  func leaveOut(_ measurement: String, round: Int?, isWhole: Bool) {
    let omission = MeasurementFailure(
      measurement: measurement, round: round,
      reason: "The time that the plan allots was used up before; everything took longer than planned.")
    if isWhole { failures.append(omission) } else { omissions.append(omission) }
  }

  func progress(_ part: ReportPart, _ text: String) {
    tell(Progress(part: part, text: text, elapsedSeconds: elapsed, allottedSeconds: plan.allottedSeconds))
  }

  /// Keeps a failure, unless the measurement was only ended early.
  func failed(_ measurement: String, round: Int? = nil, _ error: MeasuringError) -> MeasurementFailure? {
    guard !stop.isRaised else { return nil }
    let failure = MeasurementFailure(measurement: measurement, round: round, reason: "\(error)")
    failures.append(failure)
    return failure
  }

  /// Runs an instrument; its output, whether it was content with what it measured or not.
  func instrument(
    _ host: String, _ words: [String], seconds: Double
  ) throws(MeasuringError) -> CommandOutput {
    // An instrument that hangs is told by its own time-outs; this one is for machines that stand still.
    let output = try network.run(
      host, [setting.instruments, "bench"] + words, timeout: .seconds(2 * seconds + 20))
    guard !stop.isRaised else { throw MeasuringError("It was ended early.") }
    if case .timedOut = output.ending { throw MeasuringError("svs bench \(words.first ?? ""): \(output.complaint).") }
    return output
  }

  /// Starts a server, waits until it listens, and stops it after the body, whatever becomes of that.
  func withServers<Result>(
    _ servers: [Server], _ body: ([String: MeasuringError]) -> Result
  ) -> Result {
    var running: [BackgroundProgram] = []
    var errors: [String: MeasuringError] = [:]
    defer { for program in running { network.stop(program) } }
    for server in servers {
      do throws(MeasuringError) {
        running.append(try network.start(server.host, [setting.instruments] + server.words))
        try wait(for: server)
      } catch {
        errors[server.id] = error
      }
    }
    return body(errors)
  }

  struct Server {
    var host: String
    var words: [String]
    var port: UInt16
    var id: String { "\(host):\(port)" }
  }

  private func wait(for server: Server) throws(MeasuringError) {
    let deadline = Deadline(in: .seconds(10))
    while true {
      let table = try network.run(
        server.host, ["cat", "/proc/net/tcp", "/proc/net/tcp6"], timeout: .seconds(10))
      if ListeningPorts(table.output).contains(server.port) { return }
      guard !deadline.hasPassed, stop.rest(.milliseconds(20)) else {
        throw MeasuringError("\(server.words.joined(separator: " ")) on \(server.host) does not listen.")
      }
    }
  }
}

/// The TCP ports on which a network namespace listens, from /proc/net/tcp and tcp6 (proc_net_tcp(5)).
struct ListeningPorts {
  private let ports: Set<UInt16>

  init(_ text: String) {
    var ports: Set<UInt16> = []
    for line in text.split(separator: "\n") {
      let fields = line.split(separator: " ")
      // 0A is TCP_LISTEN.
      guard fields.count > 3, fields[3] == "0A", let colon = fields[1].lastIndex(of: ":"),
        let port = UInt16(fields[1][fields[1].index(after: colon)...], radix: 16)
      else { continue }
      ports.insert(port)
    }
    self.ports = ports
  }

  func contains(_ port: UInt16) -> Bool { ports.contains(port) }
}
