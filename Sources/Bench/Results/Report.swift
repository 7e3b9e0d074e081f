/// What a bench run found out; its JSON is what `packet-bench --json` writes.
public struct Report: Sendable, Codable {
  public var machine: Machine
  public var parts: [Part] = []

  public init(machine: Machine) { self.machine = machine }

  /// One measured thing per row, ratios between them, and what was asked for.
  public struct Part: Sendable, Codable {
    public var name: String
    public var unit: String
    /// How it was measured, in a sentence.
    public var method: String
    public var rows: [Row] = []
    public var goals: [Goal] = []
    public var notes: [String] = []

    public init(_ name: String, unit: String, method: String) {
      self.name = name
      self.unit = unit
      self.method = method
    }
  }

  public struct Row: Sendable, Codable {
    public var subject: String
    public var samples: Samples
    public var minimum: Double
    public var median: Double
    /// Against the row it is compared with: the median of the rounds' ratios.
    public var ratio: Double?

    public init(_ subject: String, _ samples: Samples, ratio: Double? = nil) {
      self.subject = subject
      self.samples = samples
      minimum = samples.minimum
      median = samples.median
      self.ratio = ratio
    }
  }

  /// A figure that the product has promised.
  public struct Goal: Sendable, Codable {
    public enum Bound: String, Sendable, Codable { case atMost, atLeast, exactly }

    public var what: String
    public var value: Double
    public var bound: Bound
    public var limit: Double
    public var isMet: Bool

    public init(_ what: String, _ value: Double, _ bound: Bound, _ limit: Double) {
      self.what = what
      self.value = value
      self.bound = bound
      self.limit = limit
      isMet =
        switch bound {
        case .atMost: value <= limit
        case .atLeast: value >= limit
        case .exactly: value == limit
        }
    }
  }

  public struct Machine: Sendable, Codable {
    public var kernel: String
    public var processor: String
    public var processors: Int
  }

  public var missed: [Goal] { parts.flatMap(\.goals).filter { !$0.isMet } }
}
