import Glibc
import HostSystem
import Lab
import Netlink

/// The lab with our programs in it.
struct Stage: ~Copyable {
  let lab: Lab
  let programs: String

  init(lab: consuming Lab, programs: String) {
    self.lab = lab
    self.programs = programs
  }

  /// Runs a command of ours on the director, shown as it would be typed there.
  @discardableResult
  func show(_ words: [String]) throws(DemoError) -> String {
    try say("  director# \(words.joined(separator: " "))")
    return try runQuietly(words)
  }

  @discardableResult
  func runQuietly(_ words: [String]) throws(DemoError) -> String {
    try run("director", ["\(programs)/\(words[0])"] + words.dropFirst())
  }

  /// Runs a command on a host; one that fails is an error.
  @discardableResult
  func run(_ host: String, _ words: [String], input: String = "") throws(DemoError) -> String {
    let result: ExecutionResult
    do { result = try lab.exec(host, words, input: Array(input.utf8)) } catch { throw .lab(error) }
    guard result.succeeded else {
      throw .command(host: host, words.joined(separator: " "), output: result.output + result.errors)
    }
    return result.output
  }

  /// Ends the director, with its pins, which would outlive its namespace; safe to be done twice.
  var detach: @Sendable () -> Void {
    let words = ["\(programs)/svs", "detach"]
    let namespace = Lab.namespaceName(lab: lab.name, host: "director")
    return {
      // Not by the lab, which may be on its way down in another thread.
      guard let namespace = try? NetworkNamespace.named(namespace) else { return }
      _ = try? namespace.perform { try Command(words).run(timeout: .seconds(10)) }
    }
  }

  /// Sends HTTP requests and says who answered; false if an answer is missing or a server was left out.
  func request(_ method: Method, _ count: Int) throws(DemoError) -> Bool {
    var answers: [String] = []
    for _ in 0..<count {
      let result: ExecutionResult
      do {
        result = try lab.exec("client", ["curl", "-sS", "-m", "3", "http://\(method.vip)/"])
      } catch { throw .lab(error) }
      answers.append(result.succeeded ? result.output.filter { !$0.isNewline } : "-")
    }
    try say("  client#   curl http://\(method.vip)/   \(count) times")
    try say("            answered by \(answers.joined(separator: " "))")
    let counts = ["rs1", "rs2", "rs3"].map { name in answers.count { $0 == name } }
    let isFair = counts.reduce(0, +) == count && (counts.max() ?? 0) - (counts.min() ?? 0) <= 1
    if !isFair { try say("            NOT WELL: of \(count) requests rs1, rs2, rs3 answered \(counts)") }
    return isFair
  }
}
