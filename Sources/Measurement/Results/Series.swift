/// Measured values of one thing, by which a document is compared with another.
///
/// Its name says what was measured, its subject of whom. Two documents' series of the same name and subject are compared,
/// and of the same name alone where each document has only one subject. Where a document has several of the same name and
/// subject, as of a URL that was given twice, the first is compared with the first, the second with the second.
public struct Series: Codable, Sendable {
  public enum Direction: String, Codable, Sendable { case lower, higher }

  /// So many values that are, within the histogram's resolution, the same.
  public struct Bin: Codable, Hashable, Sendable {
    public var value: Double
    public var count: Int

    public init(value: Double, count: Int) {
      self.value = value
      self.count = count
    }
  }

  public var name: String
  /// For instance a URL, or a host; empty where there is only one.
  public var subject: String
  /// `s`, `bit/s`, `1/s`, `1`: an SI unit without a prefix.
  public var unit: String
  /// Which values are the better ones.
  public var better: Direction
  /// The values in the order they were measured; empty where only the histogram was kept.
  public var samples: [Double]
  /// The values as a histogram, where they were too many to keep one by one.
  public var histogram: [Bin]?
  /// What the values come to; nil where there are none.
  public var summary: Summary?

  public init(_ name: String, of subject: String = "", unit: String, better: Direction, samples: [Double]) {
    self.name = name
    self.subject = subject
    self.unit = unit
    self.better = better
    self.samples = samples
    summary = Distribution(samples).summary
  }

  public init(_ name: String, of subject: String = "", unit: String, better: Direction, histogram: [Bin]) {
    self.name = name
    self.subject = subject
    self.unit = unit
    self.better = better
    samples = []
    self.histogram = histogram
    summary = Distribution(histogram).summary
  }

  public var distribution: Distribution { histogram.map(Distribution.init) ?? Distribution(samples) }
}
