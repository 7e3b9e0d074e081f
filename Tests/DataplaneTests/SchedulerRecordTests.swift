import Dataplane
import DataplaneSimulation
import DataplaneTesting
import DataplaneTypes
import Foundation
import Testing

/// The schedulers, natively, against the servers that the real IPVS was recorded to choose.
struct SchedulerRecordTests {
  struct Case: Decodable {
    let name: String
    let config: [String]
    let defaults: [String: Lenient<String>]?
    let steps: [Step]
    let results: [Result]
  }

  struct Step: Decodable {
    let op: String
    let src: String?
    let dst: String?
    let dport: Int?
    let then: String?
    let srcs: Lenient<[String]>?
    let dsts: Lenient<[String]>?
    let sports: Lenient<[Int]>?
    let stride: Int?

    /// The clients that connect, one after the other.
    var clients: [String] {
      guard let range = srcs?.value, range.count == 2 else { return src.map { [$0] } ?? [] }
      return IPText.range(from: TestAddress(range[0]), to: TestAddress(range[1]), by: stride ?? 1)
    }
  }

  struct Result: Decodable {
    /// One answer, or as many as clients.
    let answers: [String]

    private enum CodingKeys: CodingKey { case r }

    init(from decoder: any Decoder) throws {
      let values = try decoder.container(keyedBy: CodingKeys.self)
      answers =
        (try? values.decode([String].self, forKey: .r)) ?? (try? values.decode(String.self, forKey: .r)).map { [$0] }
        ?? []
    }
  }

  @Test(arguments: ["rr", "wrr", "lc", "wlc", "sh", "sed", "nq", "fo", "ovf", "mh", "dh", "lblc", "lblcr"])
  func choosesAsRecorded(scheduler: String) throws {
    let data = try Data(contentsOf: records.appending(path: "cases/sched-\(scheduler).json"))
    let cases = try JSONDecoder().decode([Case].self, from: data)
    var replayed = 0
    var choices = 0
    for one in cases where isPlain(one) {
      choices += try replay(one)
      replayed += 1
    }
    #expect(replayed > 0)
    #expect(choices >= 10, "\(scheduler): \(replayed) cases, \(choices) choices")
  }

  /// Cases whose rules stand from the beginning, of connections one by one.
  private func isPlain(_ one: Case) -> Bool {
    one.steps.allSatisfy {
      ($0.op == "connect" || $0.op == "many") && $0.dst == nil && $0.dport == nil && $0.dsts == nil
        && $0.sports == nil
        && !$0.clients.isEmpty
    }
      && one.config.allSatisfy { line in
        let words = line.split(separator: " ")
        return !words.contains("-u") && !words.contains("-p")
      } && one.config.count { $0.hasPrefix("-A") } == 1
  }

  private func replay(_ one: Case) throws -> Int {
    let director = ClientsAndServers()
    for line in one.config { try director.configure(line) }
    var choices = 0
    for (number, (step, result)) in zip(one.steps, one.results).enumerated() {
      let then = step.then ?? one.defaults?["then"]?.value ?? (step.op == "many" ? "rst" : "close")
      #expect(step.clients.count == result.answers.count, "\(one.name), step \(number)")
      for (client, expected) in zip(step.clients, result.answers) {
        // A client that is refused and does not hear of it in time gives up: here nobody waits.
        let expected = expected == "TIMEOUT" ? "REFUSED" : expected
        #expect(director.connect(from: client, then: then) == expected, "\(one.name), step \(number), \(client)")
        choices += 1
      }
    }
    return choices
  }
}
