import FoundationEssentials
import Glibc
import Measurement
import Testing

@Suite("Comparing results")
struct ComparisonTests {
  private struct Detail: Codable, Sendable { var probes = 3 }

  private func document(_ series: [Series], schema: String = "svs.bench.test", error: String? = nil) -> ResultDocument<
    Detail
  > {
    ResultDocument(
      schema: ResultSchema(name: schema, version: 1), tool: ResultTool(name: "svs bench test"), clock: RunClock(),
      error: error, series: series, result: Detail())
  }

  private func times(_ count: Int, around middle: Double, seed: UInt64, of subject: String = "") -> Series {
    var generator = SeededGenerator(seed: seed)
    let samples = (0..<count).map { _ in middle * Double.random(in: 0.9..<1.1, using: &generator) }
    return Series("time_total", of: subject, unit: "s", better: .lower, samples: samples)
  }

  @Test("A tenth less is better, a tenth more is worse, the same is noise")
  func verdicts() throws {
    let before = document([times(600, around: 1, seed: 1)])
    let rows = { (after: Series) in try Comparison(before: before, after: document([after])).rows }
    #expect(try rows(times(600, around: 0.9, seed: 2)).map(\.verdict) == [.better, .better, .better])
    #expect(try rows(times(600, around: 1.1, seed: 2)).map(\.verdict) == [.worse, .worse, .worse])
    #expect(try rows(times(600, around: 1, seed: 2)).first?.verdict == .noise)
    #expect(try rows(times(600, around: 0.9, seed: 2)).map(\.statistic) == ["median", "p90", "p99"])
  }

  @Test("More is better where more is asked for")
  func higher() throws {
    let series = { (value: Double) in
      Series("rate", unit: "bit/s", better: .higher, samples: (0..<20).map { value + Double($0) })
    }
    let rows = try Comparison(before: document([series(1000)]), after: document([series(2000)])).rows
    #expect(rows.map(\.verdict) == [.better])
    #expect(abs((rows.first?.ratio ?? 0) - 2009.5 / 1009.5) < 1e-9)
  }

  @Test("Four values decide nothing")
  func few() throws {
    let rows = try Comparison(
      before: document([times(4, around: 1, seed: 1)]), after: document([times(4, around: 9, seed: 2)])
    ).rows
    #expect(rows.map(\.verdict) == [.undecided])
  }

  @Test("Single subjects are compared whatever their names, several by name")
  func subjects() throws {
    let one = document([times(20, around: 1, seed: 1, of: "http://a/")])
    let other = document([times(20, around: 1, seed: 2, of: "http://b/")])
    #expect(try Comparison(before: one, after: other).rows.count == 1)
    let both = document([
      times(20, around: 1, seed: 1, of: "http://a/"), times(20, around: 1, seed: 2, of: "http://b/"),
    ])
    let comparison = try Comparison(before: one, after: both)
    #expect(comparison.rows.map(\.subject) == ["http://a/"])
    #expect(comparison.remarks.contains { $0.contains("one of the results only") })
  }

  @Test("Of one URL that was given twice, the first is compared with the first", arguments: [[1.0, 2], [2, 1]])
  func namesakes(middles: [Double]) throws {
    let series = middles.map { times(600, around: $0, seed: 1, of: "http://a/") }
    let same = try Comparison(before: document(series), after: document(series))
    #expect(same.rows.allSatisfy { $0.verdict == .noise } && same.rows.count == 6 && same.remarks.isEmpty)
    let others = series + [times(600, around: 3, seed: 1, of: "http://b/")]
    #expect(try Comparison(before: document(others), after: document(others)).rows.map(\.ratio).allSatisfy { $0 == 1 })
    let one = try Comparison(before: document(others), after: document(Array(others.dropFirst())))
    #expect(one.rows.count == 6 && one.remarks == ["1 series are in one of the results only and are left out."])
  }

  @Test("Different instruments are refused, partial results remarked")
  func remarks() throws {
    let series = [times(20, around: 1, seed: 1)]
    #expect(throws: ResultFileError.self) {
      try Comparison(before: document(series), after: document(series, schema: "svs.bench.other"))
    }
    let comparison = try Comparison(before: document(series), after: document(series, error: "the peer vanished"))
    #expect(comparison.remarks == ["The second result is partial: the peer vanished."])
  }

  @Test("What was written is read again, by those who know only the envelope")
  func files() throws {
    let path = "/tmp/svs-measurement-\(getpid()).json"
    defer { unlink(path) }
    let written = document([times(20, around: 1, seed: 1, of: "http://a/?\"x\"")], error: "ended early")
    try ResultFile.write(written, to: path)
    let read = try ResultFile.read(path)
    #expect(read.schema == written.schema)
    #expect(read.environment == written.environment)
    #expect(read.started == written.started)
    #expect(read.partial)
    #expect(read.series.map(\.samples) == written.series.map(\.samples))
    #expect(read.series.map(\.subject) == written.series.map(\.subject))
    #expect(try Comparison(before: written, after: read).rows.map(\.verdict) == [.noise])
  }

  @Test("What is no result is refused with a reason", arguments: ["", "{", "[]", "{\"schema\": 1}", "hello"])
  func garbage(text: String) throws {
    let path = "/tmp/svs-measurement-garbage-\(getpid())-\(text.utf8.count).json"
    defer { unlink(path) }
    try #require(FileManager.default.createFile(atPath: path, contents: Data(text.utf8)))
    let error = #expect(throws: ResultFileError.self) { try ResultFile.read(path) }
    #expect(error?.description.contains("is not a result of 'svs bench … --json'") == true)
  }

  @Test("A file that is not there is named")
  func missing() {
    let error = #expect(throws: ResultFileError.self) { try ResultFile.read("/nowhere/x.json") }
    #expect(error?.description.contains("/nowhere/x.json") == true)
  }
}
