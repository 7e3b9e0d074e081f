import Glibc
import Measurement

/// A load from its first user to its result.
public struct LoadRun: Sendable {
  public var plan: LoadPlan
  /// Users in all, split over the plan's classes by their weights.
  public var users: Int
  /// Users that begin in a second; nil for all at once.
  public var spawnRate: Double?
  /// How long it lasts; nil until it is cancelled.
  public var seconds: Double?
  /// How many seconds requests under way may still take at the end; nil for as long as any request.
  public var patience: Double?
  /// The same after an interrupt.
  public static let shortPatience = 1.0

  public init(_ plan: LoadPlan, users: Int, spawnRate: Double?, seconds: Double?) {
    self.plan = plan
    self.users = users
    self.spawnRate = spawnRate
    self.seconds = seconds
  }

  /// What is to be told while it runs.
  public struct Progress: Sendable {
    public var elapsed: Double
    public var users: Int
    /// What the last second brought.
    public var latest: TaskRecord
    public var failures: UInt64
    public var overdue: UInt64
    /// The time is over, and the last answers are waited for.
    public var isEnding = false
  }

  /// What came of it.
  public struct Outcome: Sendable {
    public var plan: LoadPlan
    public var sample: LoadSample
    /// Users there were at the end.
    public var users: Int
    /// Seconds in which requests were started.
    public var elapsed: Double
    /// Processor time of this process, in seconds.
    public var processorSeconds: Double
    /// Cancelled before its time.
    public var isPartial: Bool
    /// Requests in each second, and failures; those in which nothing ended too.
    public var seconds: [TaskRecord.Second]
    /// The seconds of `seconds` in which requests were started from the beginning to the end.
    public var whole: Range<UInt64>
  }

  /// Runs it; cancelling the task ends it early, with what was measured until then.
  public func run(progress: (Progress) -> Void) async throws(LoadError) -> Outcome {
    try DescriptorLimit.admit(users: users, threads: plan.threads)
    let generator = try LoadGenerator(plan, seconds: seconds)
    let used = ProcessUsage.processorSeconds
    func sinceStart() -> Double {
      let now = monotonicNow()
      return now > generator.start ? Double(now &- generator.start) / 1e9 : 0
    }
    var sum = LoadSample(plan)
    var current = 0
    var reported = 0
    var cancelled = false
    while !cancelled {
      let elapsed = sinceStart()
      if let seconds, elapsed >= seconds, current > 0 { break }
      let wanted = spawnRate.map { min(users, Int(elapsed * $0) + 1) } ?? users
      if wanted != current {
        current = wanted
        await generator.setUsers(LoadRun.split(wanted, by: plan.classes.map(\.weight)))
      }
      if Int(elapsed) > reported {
        reported = Int(elapsed)
        let sample = await generator.collect()
        sum.add(sample)
        let failures = sum.records.reduce(0) { $0 + $1.failures }
        progress(
          Progress(
            elapsed: elapsed, users: current, latest: sample.total, failures: failures, overdue: sample.overdue))
      }
      var pause = Double(reported + 1) - elapsed
      if current < users { pause = min(pause, 0.02) }
      if let seconds { pause = min(pause, seconds - elapsed) }
      do { try await Task.sleep(for: .seconds(max(0.001, pause))) } catch { cancelled = true }
    }
    progress(
      Progress(
        elapsed: sinceStart(), users: current, latest: TaskRecord(),
        failures: sum.records.reduce(0) { $0 + $1.failures }, overdue: sum.overdue, isEnding: true))
    let elapsed = sinceStart()
    let patience = cancelled ? LoadRun.shortPatience : patience ?? plan.timeout
    await withTaskCancellationHandler {
      await generator.stop(waiting: patience, reckoning: true)
    } onCancel: {
      Task { await generator.stop(waiting: LoadRun.shortPatience, reckoning: true) }
    }
    // The second stop takes the place of the first.
    if Task.isCancelled { await generator.stop(waiting: LoadRun.shortPatience, reckoning: true) }
    sum.add(await generator.collect())
    sum.overdue = sum.unsent.requests
    let began = Double(generator.start &+ epochOffset()) / 1e9
    let (first, last) = (UInt64(began), UInt64(began + elapsed))
    return Outcome(
      plan: plan, sample: sum, users: current, elapsed: elapsed,
      processorSeconds: ProcessUsage.processorSeconds - used, isPartial: cancelled || Task.isCancelled,
      seconds: LoadRun.everySecond(sum.total.seconds, from: first, to: last),
      whole: first + 1 < last ? first + 1..<last : last..<last)
  }

  /// Fills in the seconds in which nothing ended: they are what a stalled server looks like.
  static func everySecond(_ seen: [TaskRecord.Second], from first: UInt64, to last: UInt64) -> [TaskRecord.Second] {
    var counted: [UInt64: TaskRecord.Second] = [:]
    for second in seen { counted[second.time] = second }
    let begin = min(first, seen.first?.time ?? first)
    let end = max(last, seen.last?.time ?? last)
    return (begin...end).map { counted[$0] ?? TaskRecord.Second(time: $0, requests: 0, failures: 0) }
  }

  /// Splits users over classes by weight, so that the sum is right and none is more than one off its share.
  public static func split(_ users: Int, by weights: [Int]) -> [Int] {
    let total = weights.reduce(0, +)
    guard total > 0 else { return weights.map { _ in 0 } }
    var counts = weights.map { users * $0 / total }
    let rests = weights.indices.sorted { left, right in
      let (first, second) = (users * weights[left] % total, users * weights[right] % total)
      return first == second ? left < right : first > second
    }
    for index in rests.prefix(users - counts.reduce(0, +)) { counts[index] += 1 }
    return counts
  }
}
