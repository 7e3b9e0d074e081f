import ClusterModel
import Netlink
import Synchronization

@testable import NetworkReport

/// A network of which every answer is written beforehand.
final class ScriptedNetwork: MeasuredNetwork {
  let initialBackend = "vxlan"
  let answer: @Sendable (_ host: String, _ arguments: [String]) throws(MeasuringError) -> CommandOutput
  let switchAnswer: @Sendable (String) throws(MeasuringError) -> Void
  let backends = Mutex<[String]>([])
  let running = Mutex<Int>(0)
  let started = Mutex<Int>(0)
  /// Values of sysctls by host and file, where they were written.
  let sysctls = Mutex<[String: String]>([:])
  /// What they are before that.
  static let sysctlsBefore = ["tcp_tw_reuse": "2\n", "ip_local_port_range": "32768\t60999\n"]

  let locust: ReportTargets.Locust?

  init(
    locust: ReportTargets.Locust? = nil,
    switching: @escaping @Sendable (String) throws(MeasuringError) -> Void = { _ in },
    _ answer: @escaping @Sendable (_ host: String, _ arguments: [String]) throws(MeasuringError) -> CommandOutput
  ) {
    self.answer = answer
    self.locust = locust
    switchAnswer = switching
  }

  static func says(_ text: String) -> CommandOutput {
    CommandOutput(ending: .exited(code: 0), output: text, errors: "")
  }

  static func fails(_ text: String) -> CommandOutput {
    CommandOutput(ending: .exited(code: 1), output: "", errors: text + "\n")
  }

  var summary: ClusterSummary {
    ClusterSummary(name: "scripted", isLab: true, podNetwork: "10.94.0.0/16", nodes: [], pods: [], services: [])
  }

  var targets: ReportTargets {
    ReportTargets(
      accesses: AccessPath.allCases.map { .init($0, from: "client", url: "http://\($0.rawValue)/") },
      clientNode: .init("node1", address("10.94.0.1")), serverNode: .init("node2", address("10.94.0.2")),
      clientPod: .init("pod1", address("10.94.1.1")), serverPod: .init("pod2", address("10.94.2.1")),
      spareServiceAddresses: IPPrefix(address("10.95.128.0"), length: 17),
      podNetwork: IPPrefix(address("10.94.0.0"), length: 16), locust: locust)
  }

  func run(
    _ host: String, _ arguments: [String], input: [UInt8], timeout: Duration
  ) throws(MeasuringError) -> CommandOutput {
    if arguments.count == 2, arguments[1].hasPrefix("/proc/sys/") {
      let key = "\(host):\(arguments[1])"
      if arguments[0] == "tee" {
        let output = try answer(host, arguments)
        if output.succeeded { sysctls.withLock { $0[key] = String(decoding: input, as: UTF8.self) } }
        return output
      }
      let name = arguments[1].split(separator: "/").last.map(String.init) ?? ""
      return Self.says(sysctls.withLock { $0[key] } ?? Self.sysctlsBefore[name] ?? "")
    }
    // Every server that was started listens.
    if arguments.first == "cat" {
      let ports = ["3039", "1F41", "1F42", "1F43", "1F44"]
      return Self.says(ports.map { "0: 00000000:\($0) 00000000:0000 0A 0:0\n" }.joined())
    }
    return try answer(host, arguments)
  }

  func start(_ host: String, _ arguments: [String]) throws(MeasuringError) -> BackgroundProgram {
    running.withLock { $0 += 1 }
    return BackgroundProgram(
      number: started.withLock {
        $0 += 1; return $0
      })
  }

  func stop(_ program: BackgroundProgram) { running.withLock { $0 -= 1 } }

  func switchBackend(to backend: String) throws(MeasuringError) {
    try switchAnswer(backend)
    backends.withLock { $0.append(backend) }
  }

  func serve(_ services: [ServicePort], by datapath: ServiceDatapath) throws(MeasuringError) {}
}
