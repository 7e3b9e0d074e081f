import FoundationEssentials
import HostSystem

/// What an instrument writes with `--json`: the same envelope around every instrument's own result.
///
/// Readers that know only the envelope can say what was measured, where and when, and compare two documents by their
/// `series`. The schema's version grows when a member changes its meaning or goes; new members may come without.
public struct ResultDocument<Result: Codable & Sendable>: Codable, Sendable {
  public var schema: ResultSchema
  public var tool: ResultTool
  public var environment: MeasuringEnvironment
  /// When the measurement began: ISO 8601 in UTC, with milliseconds.
  public var started: String
  /// How long it took.
  public var elapsedSeconds: Double
  /// The command line.
  public var arguments: [String]
  /// The measurement ended before its time; what it had until then is here.
  public var partial: Bool
  /// Why it ended, where that was not its plan.
  public var error: String?
  /// The measured values by which two documents are compared.
  public var series: [Series]
  /// What became of all that was tried, those that have no value in a series too; nil where that has no meaning.
  public var outcomes: [Outcomes]?
  /// The instrument's own result.
  public var result: Result

  public init(
    schema: ResultSchema, tool: ResultTool, clock: RunClock, arguments: [String] = CommandLine.arguments,
    partial: Bool = false, error: String? = nil, series: [Series], outcomes: [Outcomes]? = nil, result: Result,
    environment: MeasuringEnvironment = .here
  ) {
    self.schema = schema
    self.tool = tool
    self.environment = environment
    started = clock.started
    elapsedSeconds = clock.elapsedSeconds
    self.arguments = arguments
    self.partial = partial || error != nil
    self.error = error
    self.series = series
    self.outcomes = outcomes
    self.result = result
  }
}

/// The name of a document's form, and its version.
public struct ResultSchema: Codable, Hashable, Sendable {
  /// For instance `svs.bench.latency`.
  public var name: String
  public var version: Int

  public init(name: String, version: Int) {
    self.name = name
    self.version = version
  }
}

/// The instrument that measured.
public struct ResultTool: Codable, Hashable, Sendable {
  /// For instance `svs bench latency`.
  public var name: String
  public var version: String
  /// Libraries that matter to the figures, by name.
  public var libraries: [String: String]

  public init(name: String, libraries: [String: String] = [:]) {
    self.name = name
    version = Release.version
    self.libraries = libraries
  }
}

/// When a measurement began, on the wall, and how long it has been running, on the monotonic clock.
public struct RunClock: Sendable {
  public let started: String
  private let beginning: ContinuousClock.Instant

  public init() {
    started = Date.now.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    beginning = .now
  }

  public var elapsedSeconds: Double { (ContinuousClock.now - beginning).seconds }
}

extension Duration {
  public var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
