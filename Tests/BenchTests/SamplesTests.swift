import Bench
import Testing

/// What a bench makes of repeated measurements.
@Suite struct SamplesTests {
  private func samples(_ values: Double...) -> Samples {
    var samples = Samples()
    for value in values { samples.add(value) }
    return samples
  }

  @Test func medians() {
    #expect(samples(3, 1, 2).median == 2 && samples(4, 1, 2, 3).median == 2.5 && samples(7).median == 7)
    #expect(Samples().median.isNaN && Samples().ratio(to: Samples()).isNaN)
  }

  /// A machine that is twice as fast in one round, and one measurement that went wrong, change nothing.
  @Test func ratiosAreThoseOfTheRounds() {
    let ours = samples(150, 75, 150, 65, 153)
    let theirs = samples(100, 50, 100, 100, 102)
    #expect(ours.ratio(to: theirs) == 1.5)
    #expect(ours.less(theirs).values == [50, 25, 50, -35, 51])
  }
}
