import Measurement
import Testing

@Suite("Intervals by bootstrap")
struct BootstrapTests {
  /// The plain way: resample, sort, take the median.
  private func plain(_ samples: [Double], resamples: Int) -> ClosedRange<Double> {
    var generator = SeededGenerator(seed: 99)
    let medians = (0..<resamples).map { _ in
      Distribution(samples.indices.map { _ in samples[Int.random(in: samples.indices, using: &generator)] }).median ?? 0
    }
    let drawn = Distribution(medians)
    return (drawn.quantile(0.025) ?? 0)...(drawn.quantile(0.975) ?? 0)
  }

  @Test("The interval of a median is that of plain resampling", arguments: [10, 11, 60, 201])
  func median(count: Int) throws {
    var generator = SeededGenerator(seed: UInt64(count))
    let samples = (0..<count).map { _ in Double.random(in: 0..<100, using: &generator) }
    let interval = try #require(Bootstrap().interval(.median, of: Distribution(samples)))
    let expected = plain(samples, resamples: 10_000)
    // Both are random; their ends may fall on neighbouring values.
    let step = 200.0 / Double(count)
    #expect(abs(interval.lowerBound - expected.lowerBound) < step)
    #expect(abs(interval.upperBound - expected.upperBound) < step)
  }

  @Test("About 95 of 100 intervals hold the true median")
  func coverage() throws {
    var generator = SeededGenerator(seed: 5)
    var held = 0
    for round in 0..<400 {
      let samples = (0..<101).map { _ in Double.random(in: 0..<1, using: &generator) }
      let bootstrap = Bootstrap(resamples: 1000, seed: UInt64(round))
      if try #require(bootstrap.interval(.median, of: Distribution(samples))).contains(0.5) { held += 1 }
    }
    #expect((360...396).contains(held))
  }

  @Test("A seed repeats an interval")
  func repeats() {
    let values = Distribution((0..<50).map { Double($0 * $0) })
    let one = Bootstrap(seed: 3).interval(.quantile(0.9), of: values)
    #expect(one == Bootstrap(seed: 3).interval(.quantile(0.9), of: values))
    #expect(one != nil)
  }

  @Test("Nothing is said of one value, or of a ratio to nothing")
  func few() {
    #expect(Bootstrap().interval(.median, of: Distribution([1])) == nil)
    #expect(Bootstrap().ratio(.median, of: Distribution([1, 2, 3]), to: Distribution([0, 0, 0])) == nil)
  }
}
