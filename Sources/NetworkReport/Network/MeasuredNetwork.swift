import ClusterModel

/// A cluster as the report sees it: hosts on which programs run, a backend and a service datapath that can be changed.
///
/// The report knows nothing else of what it measures, so that a lab of namespaces and a real cluster get the same one.
/// Calls come from one thread, but for processors' times, which a second one may ask for meanwhile.
public protocol MeasuredNetwork: Sendable {
  var summary: ClusterSummary { get }
  var targets: ReportTargets { get }
  /// flannel's word for the backend that is in use when the report begins: `vxlan` or `host-gw`.
  var initialBackend: String { get }

  /// Runs a program on a host to its end.
  ///
  /// - Parameters:
  ///   - host: a node, a pod or the host outside, by its name.
  ///   - timeout: after which the program is killed; the output then says so.
  /// - Throws: if the program could not be run at all. That it failed is told by its output.
  func run(
    _ host: String, _ arguments: [String], input: [UInt8], timeout: Duration
  ) throws(MeasuringError) -> CommandOutput

  /// Starts a program that runs until it is stopped; it must not outlive the network.
  func start(_ host: String, _ arguments: [String]) throws(MeasuringError) -> BackgroundProgram
  func stop(_ program: BackgroundProgram)

  /// Changes the pods' network live, and returns when all nodes have their new routes.
  func switchBackend(to backend: String) throws(MeasuringError)

  /// Has services served on every node in addition to the cluster's own, in place of those of the call before.
  func serve(_ services: [ServicePort], by datapath: ServiceDatapath) throws(MeasuringError)

  /// What all processors of all machines that the measured packets pass have done since they were started.
  func processorTimes() throws(MeasuringError) -> ProcessorTimes
}

extension MeasuredNetwork {
  /// This machine's, of which a lab is made.
  public func processorTimes() throws(MeasuringError) -> ProcessorTimes { try ProcessorTimes.ofThisMachine() }

  func run(_ host: String, _ arguments: [String], timeout: Duration) throws(MeasuringError) -> CommandOutput {
    try run(host, arguments, input: [], timeout: timeout)
  }
}

/// Who translates the addresses of services.
public enum ServiceDatapath: String, Hashable, Sendable {
  /// Our programs on every node: hooks for what pods and nodes connect to, the director for what comes from outside.
  case own
  /// Nobody: none of our programs is attached anywhere.
  case none
}

/// What a program wrote, and how it ended.
public struct CommandOutput: Hashable, Sendable {
  public enum Ending: Hashable, Sendable {
    case exited(code: Int32)
    case killed(signal: Int32)
    case timedOut
  }

  public var ending: Ending
  public var output: String
  public var errors: String

  public init(ending: Ending, output: String, errors: String) {
    self.ending = ending
    self.output = output
    self.errors = errors
  }

  public var succeeded: Bool { ending == .exited(code: 0) }

  /// Why it failed, as the rest of a sentence: what it said, else how it ended.
  ///
  /// Of several lines the first that speaks of an error, as nft's does, which then shows the place; else the last.
  var complaint: String {
    let lines = errors.split(separator: "\n").filter { $0.contains(where: \.isLetter) }
    let line = lines.first { $0.contains("rror") } ?? lines.last
    return switch ending {
    case .timedOut: "it took too long and was ended"
    case .killed(let signal): "it was ended by signal \(signal)"
    case .exited(let code): line.map { String($0.prefix(400)) } ?? "it ended with status \(code) and said nothing"
    }
  }
}

/// A program that runs on a host; what the number means is the network's to say.
public struct BackgroundProgram: Hashable, Sendable {
  public var number: Int
  public init(number: Int) { self.number = number }
}

/// Why something could not be measured, or not be prepared, as a sentence.
public struct MeasuringError: Error, Hashable, Sendable, CustomStringConvertible {
  public var description: String
  public init(_ description: String) { self.description = description }
}
