/// What one quantity comes to over the rounds: their median, and an interval that holds the true one 95 times in 100.
public struct Estimate: Codable, Hashable, Sendable {
  /// Nil where no round has a value.
  public var median: Double?
  /// Nil of fewer than three rounds.
  public var interval: ConfidenceInterval?
  /// One value of each round that has one, in the order of the rounds.
  public var values: [RoundValue]

  public init(median: Double? = nil, interval: ConfidenceInterval? = nil, values: [RoundValue] = []) {
    self.median = median
    self.interval = interval
    self.values = values
  }
}

/// A quantity's value in one round.
public struct RoundValue: Codable, Hashable, Sendable {
  /// From 1.
  public var round: Int
  public var value: Double

  public init(round: Int, value: Double) {
    self.round = round
    self.value = value
  }
}

/// The ends of a 95 % interval.
public struct ConfidenceInterval: Codable, Hashable, Sendable {
  public var low: Double
  public var high: Double

  public init(low: Double, high: Double) {
    self.low = low
    self.high = high
  }

  public func contains(_ value: Double) -> Bool { low <= value && value <= high }
}

/// Whether two measured things are different.
public enum Verdict: String, Codable, Hashable, Sendable {
  /// The interval of their ratio excludes 1.
  case differs
  /// The interval of their ratio holds 1.
  case withinNoise = "within noise"
  /// Too few rounds have both values.
  case undecided
}

/// One quantity of two measured things, paired round by round: the first divided by the second.
public struct PairedRatio: Codable, Hashable, Sendable {
  /// What is compared: `throughput`, `median latency`, `new connections per second`.
  public var quantity: String
  /// Whether more of the quantity is better, as of a throughput.
  public var isMoreBetter: Bool
  /// The one whose value is divided: `pod to pod, host-gw`.
  public var subject: String
  /// The one by whose value it is divided: `pod to pod, vxlan`.
  public var reference: String
  /// The median of the rounds' ratios.
  public var ratio: Double?
  public var interval: ConfidenceInterval?
  /// The ratios of the rounds that have both values.
  public var values: [RoundValue]
  public var verdict: Verdict
  /// About how many rounds would decide, where these do not; nil where they do, or where nobody can tell.
  public var roundsToDecide: Int?
  /// What was to be reached, where something was.
  public var goal: Goal?

  public init(
    quantity: String, isMoreBetter: Bool, subject: String, reference: String, ratio: Double? = nil,
    interval: ConfidenceInterval? = nil, values: [RoundValue] = [], verdict: Verdict, roundsToDecide: Int? = nil,
    goal: Goal? = nil
  ) {
    self.quantity = quantity
    self.isMoreBetter = isMoreBetter
    self.subject = subject
    self.reference = reference
    self.ratio = ratio
    self.interval = interval
    self.values = values
    self.verdict = verdict
    self.roundsToDecide = roundsToDecide
    self.goal = goal
  }

  /// How much of the reference is missing, in per cent: 43 where the ratio is 0.57; negative where there is more.
  public var lossPercent: Double? { ratio.map { (1 - $0) * 100 } }
  public var lossPercentInterval: ConfidenceInterval? {
    interval.map { ConfidenceInterval(low: (1 - $0.high) * 100, high: (1 - $0.low) * 100) }
  }

  /// A bound that the ratio should keep, and whether its interval does.
  public struct Goal: Codable, Hashable, Sendable {
    public enum Kind: String, Codable, Hashable, Sendable {
      case atLeast = "at least"
      case atMost = "at most"
    }
    public enum Standing: String, Codable, Hashable, Sendable {
      /// The whole interval is on the right side.
      case reached
      /// The ratio is on the right side; a part of its interval is not, or there is no interval.
      case reachedWithinNoise = "reached, within noise"
      case missedWithinNoise = "missed, within noise"
      case missed
      case notMeasured = "not measured"
    }
    public var kind: Kind
    public var bound: Double
    public var standing: Standing

    public init(kind: Kind, bound: Double, standing: Standing) {
      self.kind = kind
      self.bound = bound
      self.standing = standing
    }
  }
}

/// One point of a distribution: so large a share of the values is not above this one.
public struct QuantilePoint: Codable, Hashable, Sendable {
  /// 0 to 1.
  public var share: Double
  public var milliseconds: Double

  public init(share: Double, milliseconds: Double) {
    self.share = share
    self.milliseconds = milliseconds
  }
}
