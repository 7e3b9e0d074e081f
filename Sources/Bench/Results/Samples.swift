/// Repeated measurements of one thing; less is better.
public struct Samples: Sendable, Codable {
  public private(set) var values: [Double] = []

  public init() {}

  public mutating func add(_ value: Double) { values.append(value) }

  public var minimum: Double { values.min() ?? .nan }

  public var median: Double {
    let sorted = values.sorted()
    guard let last = sorted.last else { return .nan }
    let middle = sorted.count / 2
    return sorted.count % 2 == 1
      ? sorted[middle] : (sorted[middle - 1] + (middle < sorted.count ? sorted[middle] : last)) / 2
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
