/// Measured values in ascending order, one by one or as a histogram.
public struct Distribution: Sendable {
  private let values: [Double]
  /// How many measured values there are up to and including each entry of `values`.
  private let ends: [Int]

  /// Values that are not finite are left out: they measure nothing.
  public init(_ samples: [Double]) {
    values = samples.filter(\.isFinite).sorted()
    ends = Array(1..<(values.count + 1))
  }

  public init(_ histogram: [Series.Bin]) {
    let bins = histogram.filter { $0.value.isFinite && $0.count > 0 }.sorted { $0.value < $1.value }
    values = bins.map(\.value)
    var sum = 0
    ends = bins.map { bin in
      sum += bin.count
      return sum
    }
  }

  public var count: Int { ends.last ?? 0 }
  public var isEmpty: Bool { count == 0 }

  /// The value of a rank from 1 to `count`; nil beyond.
  public func value(rank: Int) -> Double? {
    guard (1...max(1, count)).contains(rank), !isEmpty else { return nil }
    var low = 0
    var high = ends.count - 1
    while low < high {
      let middle = (low + high) / 2
      if ends[middle] < rank { low = middle + 1 } else { high = middle }
    }
    return values[low]
  }

  /// The smallest value that at least this share of the values does not exceed (the nearest rank).
  public func quantile(_ share: Double) -> Double? {
    value(rank: Self.rank(share, of: count))
  }

  /// The middle value, or the mean of the two in the middle.
  public var median: Double? {
    guard let low = value(rank: (count + 1) / 2), let high = value(rank: count / 2 + 1) else { return nil }
    return (low + high) / 2
  }

  public var mean: Double? {
    guard !isEmpty else { return nil }
    return weighted { $0 } / Double(count)
  }

  /// The standard deviation of a sample (divided by n - 1); nil of fewer than two values.
  public var standardDeviation: Double? {
    guard count > 1, let mean else { return nil }
    return (weighted { ($0 - mean) * ($0 - mean) } / Double(count - 1)).squareRoot()
  }

  public var summary: Summary? {
    guard let mean, let median, let p90 = quantile(0.9), let p99 = quantile(0.99), let minimum = values.first,
      let maximum = values.last
    else { return nil }
    return Summary(
      count: count, mean: mean, median: median, p90: p90, p99: p99, minimum: minimum, maximum: maximum,
      standardDeviation: standardDeviation)
  }

  static func rank(_ share: Double, of count: Int) -> Int {
    // 0.9 × 10 is 9, though binary fractions make it a little more.
    max(1, min(count, Int((share * Double(count) - 1e-9).rounded(.up))))
  }

  private func weighted(_ transform: (Double) -> Double) -> Double {
    var sum = 0.0
    var before = 0
    for (value, end) in zip(values, ends) {
      sum += transform(value) * Double(end - before)
      before = end
    }
    return sum
  }
}

/// What measured values come to, in their unit.
public struct Summary: Codable, Hashable, Sendable {
  public var count: Int
  public var mean: Double
  public var median: Double
  public var p90: Double
  public var p99: Double
  public var minimum: Double
  public var maximum: Double
  /// Of a sample; nil of a single value.
  public var standardDeviation: Double?
}
