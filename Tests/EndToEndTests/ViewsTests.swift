import Glibc
import HostSystem
import Testing

@testable import Lab

/// What watches a director: rates, and the sums of /proc/net.
@Suite struct ViewsTests {
  /// A client that asks again and again shows in the rates; what was counted stays counted without its service.
  @Test func ratesAndSums() async throws {
    try await withDirector(Stage.plain) { director in
      let c = Case(method: .nat, six: false)
      try director.startServers()
      try director.addService(c, port: 9000)
      let talk = try director.lab.spawn(
        "client", [Programs.python, Programs.script("talk"), c.vip, "9000", "40"], name: "talk")
      try director.eventually(within: .seconds(10), "the connection carries data") {
        try statistics(director).sums[1] > 3
      }
      let rate = try #require(
        try director.ipvsadm("-Ln --rate --exact").split(separator: "\n").first { $0.hasPrefix("TCP") })
      let columns = rate.split(separator: " ").suffix(5).compactMap { Int($0) }
      #expect(columns.count == 5 && columns[0] == 0, "\(rate)")
      #expect(columns[1] > 0 && columns[2] > 0 && columns[3] >= 52 * columns[1], "\(rate)")
      let growing = try statistics(director)
      #expect(growing.rates[1] > 0 && growing.rates[2] > 0)
      let view = try director.svs("proc ip_vs_conn")
      #expect(view.contains(" 2328 ") && view.contains("ESTABLISHED"), "\(view)")

      director.lab.stop(talk)
      try director.ipvsadm("-C")
      let after = try statistics(director)
      #expect(after.sums[0] >= 1 && after.sums[1] >= growing.sums[1])
      try director.ipvsadm("-Z")
      let zeroed = try statistics(director).sums
      #expect(zeroed.allSatisfy { $0 == 0 })
    }
  }

  private func statistics(_ director: DirectorLab) throws -> (sums: [Int], rates: [Int]) {
    let lines = try director.svs("proc ip_vs_stats").split(separator: "\n")
    try #require(lines.count == 5, "\(lines)")
    func numbers(_ line: Substring) -> [Int] { line.split(separator: " ").compactMap { Int($0, radix: 16) } }
    return (numbers(lines[2]), numbers(lines[4]))
  }
}
