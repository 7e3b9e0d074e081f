import Measurement
import Testing

@Suite("Comparing failures")
struct FailureComparisonTests {
  private struct Detail: Codable, Sendable {}

  private func document(_ outcomes: [Outcomes]?, version: Int = 1, series: [Series] = []) -> ResultDocument<Detail> {
    ResultDocument(
      schema: ResultSchema(name: "svs.bench.test", version: version), tool: ResultTool(name: "svs bench test"),
      clock: RunClock(), series: series, outcomes: outcomes, result: Detail())
  }

  private func outcomes(_ failures: Int, of total: Int, _ subject: String = "a", _ kind: String = "status 503")
    -> Outcomes
  {
    var kinds = ["status 200": total - failures]
    if failures > 0 { kinds[kind] = failures }
    return Outcomes(of: subject, total: total, failures: failures, kinds: kinds)
  }

  @Test(
    "One failure where there was none is worse; other rates must differ by more than noise",
    arguments: [
      (0, 1000, 1, 1000, Comparison.Verdict.worse), (5, 1000, 7, 1000, .noise), (5, 1000, 60, 1000, .worse),
      (60, 1000, 5, 1000, .better), (1000, 1000, 1000, 1000, .noise), (1, 10, 0, 10, .noise),
      (100, 100_000, 100, 1000, .worse), (50, 50, 0, 50, .better),
    ])
  func verdicts(_ before: Int, _ all: Int, _ after: Int, _ total: Int, _ verdict: Comparison.Verdict) throws {
    let comparison = try Comparison(
      before: document([outcomes(before, of: all)]), after: document([outcomes(after, of: total)]))
    #expect(comparison.failures.map(\.verdict) == [verdict])
    #expect(comparison.gotWorse == (verdict == .worse))
    #expect(comparison.text.contains("\(verdict.rawValue)"))
  }

  @Test("No failures are no row, and a status that is new is remarked") func statuses() throws {
    let same = try Comparison(before: document([outcomes(0, of: 9)], series: [values]), after: moved(200))
    #expect(same.failures.isEmpty && same.remarks.isEmpty)
    let other = try Comparison(before: document([outcomes(0, of: 9)], series: [values]), after: moved(302))
    #expect(other.failures.isEmpty && other.remarks == ["a: new in the second result: 9 × status 302."])
  }

  private var values: Series { Series("time", unit: "s", better: .lower, samples: (1...9).map(Double.init)) }

  private func moved(_ status: Int) -> ResultDocument<Detail> {
    document([Outcomes(of: "a", total: 9, failures: 0, kinds: ["status \(status)": 9])], series: [values])
  }

  @Test("Single subjects are compared whatever their names, several by name") func subjects() throws {
    let one = try Comparison(
      before: document([outcomes(0, of: 9, "a")]), after: document([outcomes(9, of: 9, "b")]))
    #expect(one.failures.map(\.newKinds) == [["status 503": 9]])
    let several = try Comparison(
      before: document([outcomes(0, of: 9, "a"), outcomes(1, of: 9, "b")]),
      after: document([outcomes(2, of: 9, "c"), outcomes(1, of: 9, "b")]))
    #expect(several.failures.map(\.subject) == ["b"])
    #expect(several.remarks == ["c is in the second result only; 2 of 9 failed."])
  }

  @Test("Of what is called the same, the first is compared with the first", arguments: [[0, 5], [5, 0]])
  func namesakes(failures: [Int]) throws {
    let one = document([outcomes(0, of: 90, "all")] + failures.map { outcomes($0, of: 9) })
    let same = try Comparison(before: one, after: one)
    #expect(same.failures.map(\.verdict) == [.noise] && !same.gotWorse, "\(same.text)")
    let other = document([outcomes(0, of: 90, "all")] + failures.reversed().map { outcomes($0, of: 9) })
    let changed = try Comparison(before: one, after: other)
    #expect(Set(changed.failures.map(\.verdict)) == [.worse, .better], "\(changed.text)")
    // A URL that was given twice is one subject, however often.
    let alone = document(failures.map { outcomes($0, of: 9) })
    #expect(try !Comparison(before: alone, after: alone).gotWorse)
    #expect(
      try Comparison(before: alone, after: document(failures.map { outcomes($0, of: 9, "b") })).failures.count == 1)
  }

  @Test("One namesake more is in the second result only, and what was never tried cannot have got worse")
  func namesakesThatAreMissing() throws {
    let one = document([outcomes(0, of: 9), outcomes(0, of: 9, "b")], series: [values])
    let two = document([outcomes(0, of: 9), outcomes(3, of: 9), outcomes(0, of: 9, "b")], series: [values])
    #expect(try Comparison(before: one, after: two).remarks == ["a is in the second result only; 3 of 9 failed."])
    let idle = document([outcomes(0, of: 9), outcomes(0, of: 0), outcomes(0, of: 9, "b")], series: [values])
    let tried = try Comparison(before: idle, after: two)
    #expect(tried.failures.isEmpty && tried.remarks == ["a is in the second result only; 3 of 9 failed."])
  }

  @Test("Who does not tell of failures, or means another thing, is remarked") func older() throws {
    let comparison = try Comparison(
      before: document(nil, series: [values]), after: document([outcomes(1, of: 9)], version: 2, series: [values]))
    #expect(comparison.failures.isEmpty && comparison.remarks.count == 2)
    #expect(comparison.remarks[0].contains("svs.bench.test 1, svs.bench.test 2"))
    #expect(comparison.remarks[1].contains("first result does not tell what failed"))
  }
}
