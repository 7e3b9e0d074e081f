import Measurement
import Testing

@Suite("What measured values come to")
struct DistributionTests {
  @Test("Mean, median, nearest-rank percentiles and the deviation of a sample")
  func summary() throws {
    let summary = try #require(Distribution([5, 1, 4, 2, 3, 10, 9, 8, 7, 6]).summary)
    #expect(summary.count == 10)
    #expect(summary.mean == 5.5)
    #expect(summary.median == 5.5)
    #expect(summary.p90 == 9)
    #expect(summary.p99 == 10)
    #expect(summary.minimum == 1)
    #expect(summary.maximum == 10)
    #expect(abs(try #require(summary.standardDeviation) - 3.0276503540974917) < 1e-12)
  }

  @Test("A histogram comes to what its values come to")
  func histogram() {
    var generator = SeededGenerator(seed: 7)
    let values = (0..<1000).map { _ in Double(Int.random(in: 0..<40, using: &generator)) }
    let bins = Dictionary(grouping: values) { $0 }.map { Series.Bin(value: $0.key, count: $0.value.count) }
    let one = Distribution(values)
    let other = Distribution(bins)
    #expect(one.count == other.count)
    #expect(one.median == other.median)
    for share in [0, 0.001, 0.5, 0.9, 0.99, 0.999, 1] { #expect(one.quantile(share) == other.quantile(share)) }
    #expect(abs((one.mean ?? 0) - (other.mean ?? 1)) < 1e-9)
    #expect(abs((one.standardDeviation ?? 0) - (other.standardDeviation ?? 1)) < 1e-9)
  }

  @Test("No values come to nothing, one value to itself; what is not finite measures nothing")
  func few() {
    #expect(Distribution([Double]()).summary == nil)
    #expect(Distribution([Double.nan, .infinity]).summary == nil)
    let one = Distribution([3])
    #expect(one.median == 3)
    #expect(one.quantile(0.99) == 3)
    #expect(one.standardDeviation == nil)
  }
}
