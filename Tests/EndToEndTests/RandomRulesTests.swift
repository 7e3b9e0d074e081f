import HostSystem
import Testing

@testable import Lab

/// Commands by chance, and what ipvsadm lists then, against a model.
@Suite struct RandomRulesTests {
  @Test(arguments: 0..<4) func listingsFollowCommands(_: Int) async throws {
    // A seed of one's own: change this to what a failure says.
    let seed = UInt64.random(in: 0..<1_000_000)
    try await withDirector(Stage.plain) { director in
      try director.svs("sysctl -w svs.twos=1")
      var model = RuleModel(seed: seed)
      for round in 0..<8 {
        // Some by restores, some one by one.
        let lines = (0..<(round % 2 == 0 ? 150 : 25)).map { _ in model.command() }
        if round % 2 == 0 {
          _ = try director.lab.exec(
            "director", [Programs.ipvsadm, "-R"], input: Array((lines.joined(separator: "\n") + "\n").utf8))
        } else {
          for line in lines {
            _ = try director.lab.exec("director", [Programs.ipvsadm] + line.split(separator: " ").map(String.init))
          }
        }
        let note = "seed \(seed), round \(round)"
        let saved = Set(try director.ipvsadm("-S -n").split(separator: "\n").map(String.init))
        let (lost, strange) = (model.saved.subtracting(saved), saved.subtracting(model.saved))
        try #require(
          lost.isEmpty && strange.isEmpty,
          "\(note)\nlost: \(lost.sorted())\nstrange: \(strange.sorted())\nafter:\n\(lines.joined(separator: "\n"))")
        #expect(rows(try director.ipvsadm("-L -n"), 3) == model.listed, "\(note)")
        #expect(rows(try director.ipvsadm("-L -n --thresholds"), 3) == model.thresholds, "\(note)")
      }
      #expect(model.services.count > 5, "else it was no test, seed \(seed)")
      // What was saved comes back to the same bytes, whatever stood before.
      let saved = try director.ipvsadm("-S -n")
      try director.ipvsadm("-C")
      #expect(try director.ipvsadm("-L -n").split(separator: "\n").count == 3)
      try director.ipvsadm("-R", input: saved)
      #expect(try director.ipvsadm("-S -n") == saved, "seed \(seed)")
    }
  }

  /// The first words of each server's row, by service.
  private func rows(_ text: String, _ count: Int) -> [String: Set<String>] {
    let options = ["TCP": "-t", "UDP": "-u", "SCTP": "--sctp-service", "FWM": "-f"]
    var rows: [String: Set<String>] = [:]
    var service = ""
    for line in text.split(separator: "\n").dropFirst(3) {
      let words = line.split(separator: " ").map(String.init)
      if words[0] == "->" {
        rows[service]?.insert(words[1...count].joined(separator: " "))
      } else {
        service = "\(options[words[0]] ?? words[0]) \(words[1])\(words.contains("IPv6") ? " -6" : "")"
        rows[service] = []
      }
    }
    return rows
  }
}
