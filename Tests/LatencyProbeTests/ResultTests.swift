import Measurement
import Testing

@testable import LatencyProbe

@Suite("Results of latency")
struct ResultTests {
  private func path(_ url: String, _ times: [Double], failures: Int = 0) -> LatencyResult.Path {
    var path = LatencyResult.Path(url: url)
    for time in times {
      var probe = Probe()
      (probe.times.total, probe.status) = (time, 200)
      path.probes.append(probe)
    }
    for _ in 0..<failures {
      var probe = Probe()
      probe.error = "closed"
      path.probes.append(probe)
    }
    return path
  }

  private func document(_ paths: [LatencyResult.Path]) -> ResultDocument<LatencyResult> {
    let result = LatencyResult(paths)
    return ResultDocument(
      schema: LatencyResult.schema, tool: ResultTool(name: "svs bench latency"), clock: RunClock(),
      series: result.series, outcomes: result.outcomes, result: result)
  }

  @Test("A URL that was given twice is the same as itself, in either order", arguments: [false, true])
  func twice(isReversed: Bool) throws {
    let (slow, fast) = (path("http://a/", (1...20).map { 9 + Double($0) / 20 }), path("http://a/", [1, 1, 1, 1, 1, 1]))
    let failing = path("http://a/", [2, 2, 2, 2, 2, 2], failures: 3)
    var paths = [slow, fast, failing, path("http://b/", [1, 2, 3, 4, 5])]
    if isReversed { paths.reverse() }
    let same = try Comparison(before: document(paths), after: document(paths))
    #expect(!same.gotWorse && same.remarks.isEmpty, "\(same.text)")
    let totals = same.rows.filter { $0.name == "time_total" && $0.statistic == "median" }
    #expect(totals.count == 4 && totals.allSatisfy { $0.ratio == 1 })
  }

  @Test("One that was not answered keeps its place among its namesakes") func unanswered() throws {
    let before = [path("http://a/", [1, 1, 1, 1, 1]), path("http://a/", [5, 5, 5, 5, 5])]
    let after = [path("http://a/", [], failures: 5), path("http://a/", [5, 5, 5, 5, 5])]
    let comparison = try Comparison(before: document(before), after: document(after))
    #expect(comparison.rows.filter { $0.name == "time_total" }.map(\.ratio) == [1])
    #expect(comparison.failures.map(\.verdict) == [.worse])
    #expect(document([path("http://a/", [], failures: 5)]).series.isEmpty)
  }
}
