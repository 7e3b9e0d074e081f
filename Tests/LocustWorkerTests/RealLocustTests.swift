import Glibc
import LoadGenerator
import Synchronization
import Testing

@testable import LocustWorker

/// The worker with a real Locust master, and with what pretends to be one.
@Suite(.serialized) struct RealLocustTests {
  final class Log: Sendable {
    private let lines = Mutex<[String]>([])
    func add(_ line: String) { lines.withLock { $0.append(line) } }
    var text: String { lines.withLock { $0.joined(separator: "\n") } }

    func has(_ words: String, seconds: Int = 30) async -> Bool {
      for _ in 0..<(seconds * 50) {
        if text.contains(words) { return true }
        try? await Task.sleep(for: .milliseconds(20))
      }
      return false
    }
  }

  static let workload = Workload(
    classes: [
      UserClass(name: "Buyer", tasks: [RequestTask(method: "POST", path: "/buy", body: "x")], wait: 0.01...0.01),
      UserClass(name: "Looker", tasks: [RequestTask(path: "/look"), RequestTask(path: "/gone")], wait: 0.01...0.01),
    ], namesClasses: true)

  static func worker(_ port: UInt16, _ log: Log, _ workload: Workload = workload) -> LocustWorker {
    LocustWorker(Master(host: "127.0.0.1", port: port), workload: workload, threads: 2, settings: { _ in }) {
      log.add($0)
    }
  }

  static func problem(of worker: LocustWorker) async -> WorkerError? {
    do throws(WorkerError) {
      try await worker.run()
      return nil
    } catch {
      return error
    }
  }

  /// The number that follows `"member": ` in the object that has this name.
  static func number(_ member: String, of name: String, in json: String) -> Int? {
    for object in json.split(separator: "{") where object.contains("\"name\": \"\(name)\"") {
      guard let found = object.firstRange(of: "\"\(member)\": ") else { continue }
      return Int(object[found.upperBound...].prefix { $0.isNumber })
    }
    return nil
  }

  @Test func theMasterCountsWhatTheServerServed() async throws {
    let target = try Target()
    let master = try RealMaster(host: target.url, users: 6, seconds: 5)
    let log = Log()
    let worker = Self.worker(master.port, log)
    #expect(await Self.problem(of: worker) == nil)
    // Failures make Locust's exit status 1.
    #expect(master.wait(seconds: 20) == 1, "\(master.log)")
    let stats = try master.stats()
    for (name, path) in [("/buy", "/buy"), ("/look", "/look"), ("/gone", "/gone")] {
      let counted = Self.number("num_requests", of: name, in: stats)
      #expect(counted == target.served(path), "\(name): \(stats)")
      #expect((counted ?? 0) > 50)
    }
    #expect(Self.number("num_failures", of: "/gone", in: stats) == Self.number("num_requests", of: "/gone", in: stats))
    #expect(Self.number("num_failures", of: "/buy", in: stats) == 0)
    // Four of the six are Buyers by the master's weights, and each user makes at most 100 requests a second.
    #expect(master.log.contains(#"{"Buyer": 4, "Looker": 2}"#), "\(master.log)")
    #expect(master.failures.contains("status 404"), "\(master.failures)")
  }

  @Test func classesThatTheFileDoesNotNameAreToldToTheMaster() async throws {
    let target = try Target()
    let master = try RealMaster(host: target.url, users: 2, seconds: 3)
    let log = Log()
    var workload = Self.workload
    workload.classes.removeLast()
    #expect(await Self.problem(of: Self.worker(master.port, log, workload)) == nil)
    _ = master.wait(seconds: 20)
    #expect(log.text.contains("'Looker'"))
    #expect(master.exceptions.contains("'Looker'"), "\(master.exceptions)")
    #expect(target.served("/buy") == 0)
  }

  @Test func aMasterThatRestartsHasItsWorkerBack() async throws {
    let target = try Target()
    let first = try RealMaster(host: target.url, users: 3, seconds: 600)
    let log = Log()
    let worker = Self.worker(first.port, log)
    async let problem = Self.problem(of: worker)
    #expect(await log.has("the test begins"), "\(log.text) \(first.log)")
    first.end(SIGKILL)
    #expect(await log.has("is lost"))
    let second = try RealMaster(port: first.port, host: target.url, users: 3, seconds: 4)
    #expect(await log.has("started anew", seconds: 60), "\(log.text) \(second.log)")
    #expect(await problem == nil)
    #expect(second.wait(seconds: 20) == 1, "\(second.log)")
    #expect((Self.number("num_requests", of: "/buy", in: try second.stats()) ?? 0) > 50)
  }

  @Test func aWorkerThatIsInterruptedSaysSo() async throws {
    let target = try Target()
    let master = try RealMaster(host: target.url, users: 2, seconds: 600)
    let log = Log()
    let worker = Self.worker(master.port, log)
    async let problem = Self.problem(of: worker)
    #expect(await log.has("the test begins"), "\(log.text) \(master.log)")
    worker.interrupt()
    #expect(await problem == nil)
    // Its last worker is gone: a headless master ends.
    #expect(master.wait(seconds: 30) != nil)
    #expect(master.log.contains("quit"))
    #expect(Self.number("num_requests", of: "/buy", in: try master.stats()) == target.served("/buy"))
  }

  @Test func aStrangerIsNoMaster() async throws {
    let stranger = try Target()
    let log = Log()
    guard case .notAMaster(_, let why) = await Self.problem(of: Self.worker(stranger.port, log)) else {
      Issue.record("a web server was taken for a master: \(log.text)")
      return
    }
    #expect(why.contains("ZeroMQ"))
    #expect(
      await Self.problem(
        of: LocustWorker(Master(host: "no.such.host.invalid"), workload: Self.workload, threads: 1, settings: { _ in })
        { _ in }) != nil)
  }
}
