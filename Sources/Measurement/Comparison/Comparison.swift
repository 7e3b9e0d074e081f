/// Two documents of one instrument beside each other: ratios, their intervals, and whether the difference is noise.
public struct Comparison: Codable, Sendable {
  public enum Verdict: String, Codable, Sendable {
    case better, worse
    /// The interval of the ratio holds 1.
    case noise
    /// Too few values for an interval.
    case undecided
  }

  public struct Row: Codable, Sendable {
    public var name: String
    public var subject: String
    /// `median`, `p90` or `p99`.
    public var statistic: String
    public var unit: String
    public var before: Double
    public var after: Double
    /// `after` divided by `before`; nil where `before` is 0.
    public var ratio: Double?
    public var low: Double?
    public var high: Double?
    public var verdict: Verdict
  }

  public var rows: [Row] = []
  /// What failed in either, where the instrument tells.
  public var failures: [FailureRow] = []
  /// What a reader must know before believing the rows.
  public var remarks: [String] = []

  /// Whether something got worse by more than noise, or failed where it did not before.
  public var gotWorse: Bool {
    rows.contains { $0.verdict == .worse } || failures.contains { $0.verdict == .worse }
  }

  /// Fewer values than this have no interval worth the name.
  static let leastCount = 5

  /// - Throws: if the documents are of different instruments, or have no series in common.
  public init<Before, After>(
    before: ResultDocument<Before>, after: ResultDocument<After>, bootstrap: Bootstrap = Bootstrap()
  ) throws(ResultFileError) {
    guard before.schema.name == after.schema.name else {
      throw ResultFileError(
        "These are results of different instruments, \(before.schema.name) and \(after.schema.name): "
          + "there is nothing to compare.")
    }
    remark(before, after)
    let pairs = Self.pairs(before.series, after.series)
    compareOutcomes(before.outcomes, after.outcomes)
    // Where nothing succeeded there is no value, and nothing worse could be told.
    guard !pairs.isEmpty || !failures.isEmpty else {
      throw ResultFileError("The two results have no series of values in common: there is nothing to compare.")
    }
    let unmatched = before.series.count + after.series.count - 2 * pairs.count
    if unmatched > 0 { remarks.append("\(unmatched) series are in one of the results only and are left out.") }
    for (old, new) in pairs { add(old, new, bootstrap) }
  }

  private static func pairs(_ before: [Series], _ after: [Series]) -> [(Series, Series)] {
    let single = Set(before.map(\.subject)).count == 1 && Set(after.map(\.subject)).count == 1
    return partners(of: before, in: after) { [$0.name, $0.unit, single ? "" : $0.subject] }
      .compactMap { old, new in new.map { (old, $0) } }
  }

  /// Each of the first with the one of the second that is called the same: where several are, the nth with the nth.
  ///
  /// One URL may be measured twice, and two tasks may share a name: each is compared with its own other self.
  static func partners<Item>(
    of items: [Item], in others: [Item], by name: (Item) -> [String]
  ) -> [(Item, Item?)] {
    let named = Dictionary(grouping: others, by: name)
    var taken: [[String]: Int] = [:]
    return items.map { item in
      let key = name(item)
      let turn = taken[key, default: 0]
      taken[key] = turn + 1
      guard let same = named[key], turn < same.count else { return (item, nil) }
      return (item, same[turn])
    }
  }

  private mutating func add(_ old: Series, _ new: Series, _ bootstrap: Bootstrap) {
    let before = old.distribution
    let after = new.distribution
    let count = min(before.count, after.count)
    var statistics: [(String, Bootstrap.Statistic)] = [("median", .median)]
    // Five values beyond a percentile are the least that say something about it.
    if count >= 50 { statistics.append(("p90", .quantile(0.9))) }
    if count >= 500 { statistics.append(("p99", .quantile(0.99))) }
    for (label, statistic) in statistics {
      guard let old = statistic.value(before), let value = statistic.value(after) else { continue }
      let interval = count < Self.leastCount ? nil : bootstrap.ratio(statistic, of: after, to: before)
      rows.append(
        Row(
          name: new.name, subject: new.subject, statistic: label, unit: new.unit, before: old, after: value,
          ratio: old == 0 ? nil : value / old, low: interval?.lowerBound, high: interval?.upperBound,
          verdict: Self.verdict(interval, new.better)))
    }
  }

  static func verdict(_ interval: ClosedRange<Double>?, _ better: Series.Direction) -> Verdict {
    guard let interval else { return .undecided }
    if interval.contains(1) { return .noise }
    return (interval.upperBound < 1) == (better == .lower) ? .better : .worse
  }

  private mutating func remark<Before, After>(_ before: ResultDocument<Before>, _ after: ResultDocument<After>) {
    if before.partial { remarks.append("The first result is partial\(before.error.map { ": \($0)" } ?? "").") }
    if after.partial { remarks.append("The second result is partial\(after.error.map { ": \($0)" } ?? "").") }
    let (old, new) = (before.environment, after.environment)
    let differences: [(String, String, String)] = [
      ("hosts", old.host, new.host), ("kernels", old.kernel, new.kernel),
      ("processors", "\(old.processors) × \(old.processor)", "\(new.processors) × \(new.processor)"),
      ("congestion controls", old.congestionControl ?? "unknown", new.congestionControl ?? "unknown"),
      ("versions", before.tool.version, after.tool.version),
      (
        "results' versions, whose values may mean other things", "\(before.schema.name) \(before.schema.version)",
        "\(after.schema.name) \(after.schema.version)"
      ),
    ]
    for (what, first, second) in differences where first != second {
      remarks.append("They differ in their \(what): \(first), \(second).")
    }
  }
}
