/// Repeated measurements of one thing; less is better.
public struct Samples: Sendable, Codable {
  public private(set) var values: [Double] = []

  public init() {}

  public mutating func add(_ value: Double) { values.append(value) }

  public var minimum: Double { values.min() ?? .nan }

  public var median: Double { Samples.median(values) }

  /// How many times as much this is as another: the median over the rounds in which both were measured by turns. A round
  /// in which the machine ran faster or slower says the same as any other, which minima do not.
  public func ratio(to other: Samples) -> Double { Samples.median(zip(values, other.values).map(/)) }

  /// What is left of each round when another measurement's is taken off.
  public func less(_ other: Samples) -> Samples {
    var rest = Samples()
    for (value, part) in zip(values, other.values) { rest.add(value - part) }
    return rest
  }

  private static func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    guard !sorted.isEmpty else { return .nan }
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }
}

/// Measures several subjects in turn, again and again, so that what disturbs the machine disturbs all of them.
func interleaved<Subject>(
  _ subjects: [Subject], repetitions: Int, _ measure: (Subject) throws(BenchError) -> Double
) throws(BenchError) -> [Samples] {
  var results = subjects.map { _ in Samples() }
  // The first round warms caches and the connection's ways; it is not counted.
  for round in 0...repetitions {
    for (position, subject) in subjects.enumerated() {
      let value = try measure(subject)
      if round > 0 { results[position].add(value) }
    }
  }
  return results
}
