import Measurement

extension Distribution {
  /// The whole distribution in so many steps, closer to each other where few values are: beyond the 99th percentile.
  func points(_ steps: Int = 160) -> [QuantilePoint] {
    guard !isEmpty else { return [] }
    let even = (0...steps).map { 0.99 * Double($0) / Double(steps) }
    let tail = count > 100 ? (1...40).map { 0.99 + 0.01 * Double($0) / 40 } : [1]
    return (even + tail).compactMap { share in
      quantile(share).map { QuantilePoint(share: share, milliseconds: $0 * 1000) }
    }
  }
}
