import Glibc
import HostSystem
import Netlink
import Testing

@testable import Lab

/// A lab with a director in it, and what tests do there.
final class DirectorLab: Sendable {
  let lab: Lab

  fileprivate init(_ topology: Topology) throws { lab = try Lab(topology) }

  /// Runs a program on a host; it must succeed.
  @discardableResult
  func run(
    _ host: String, _ arguments: [String], input: String = "", timeout: Duration = .seconds(120),
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> String {
    let result = try lab.exec(host, arguments, input: Array(input.utf8), timeout: timeout)
    try #require(
      result.succeeded,
      "\(host): \(arguments.joined(separator: " ")): \(result.ending) \(result.errors)\(result.output)",
      sourceLocation: sourceLocation)
    return result.output
  }

  @discardableResult
  func shell(_ host: String, _ text: String, timeout: Duration = .seconds(120)) throws -> String {
    try run(host, ["sh", "-c", text], timeout: timeout)
  }

  /// Runs one of the tests' scripts.
  @discardableResult
  func python(
    _ host: String, _ script: String, _ arguments: [String], timeout: Duration = .seconds(120),
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> String {
    try run(
      host, [Programs.python, Programs.script(script)] + arguments, timeout: timeout, sourceLocation: sourceLocation)
  }

  @discardableResult
  func ipvsadm(_ words: String, input: String = "", sourceLocation: SourceLocation = #_sourceLocation) throws -> String
  {
    try run(
      "director", [Programs.ipvsadm] + words.split(separator: " ").map(String.init), input: input,
      sourceLocation: sourceLocation)
  }

  @discardableResult
  func svs(_ words: String, sourceLocation: SourceLocation = #_sourceLocation) throws -> String {
    try run("director", [Programs.svs] + words.split(separator: " ").map(String.init), sourceLocation: sourceLocation)
  }

  /// Asks again and again until the answer is the right one or the time is over.
  func eventually(
    within time: Duration, _ what: String, sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () throws -> Bool
  ) throws {
    let deadline = Deadline(in: time)
    var isTrue = try condition()
    while !isTrue, !deadline.hasPassed {
      poll(nil, 0, 50)
      isTrue = try condition()
    }
    #expect(isTrue, "\(what), within \(time)", sourceLocation: sourceLocation)
  }
}

extension DirectorLab {
  /// Prints what the director counted, for whoever looks into a failure.
  fileprivate func explain() {
    guard lab.topology.hosts.contains(where: { $0.name == "director" }) else { return }
    let counted = (try? drops())?.filter { $0.value > 0 } ?? [:]
    let listed = (try? lab.exec("director", [Programs.ipvsadm, "-L", "-n", "--stats"]))?.output ?? ""
    print("\(lab.name): not simply forwarded: \(counted)\n\(listed)")
  }
}

/// Builds a lab, runs a test in it, and takes down the director and the lab whatever happens.
func withDirector(_ topology: Topology, _ body: @escaping @Sendable (DirectorLab) throws -> Void) async throws {
  try #require(geteuid() == 0, "end-to-end tests make network namespaces: run them as root")
  try await inOwnThread {
    let lab = try DirectorLab(topology)
    let result = Result { try body(lab) }
    if case .failure = result { lab.explain() }
    for host in topology.hosts where host.name.hasPrefix("director") {
      let detached = try? lab.lab.exec(host.name, [Programs.svs, "detach"])
      #expect(detached?.succeeded == true, "svs detach in \(host.name): \(detached?.errors ?? "did not run")")
    }
    try lab.lab.down()
    try result.get()
  }
}

/// A stopwatch.
func seconds(_ body: () throws -> Void) rethrows -> Double {
  let clock = ContinuousClock()
  let duration = try clock.measure(body)
  return Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18
}
