import CSystem
import Glibc
import HostSystem
import Synchronization

/// The streams of one test while it runs, and the clock of its reports. Belongs to the thread of the control connection.
struct TestRun {
  /// What ended a wait.
  enum Event {
    case interval(Interval)
    /// The time is over, or the amount is through.
    case over
    case controlIsReadable
    case interrupted
    case streamFailed(CInt)
    /// Nothing has moved for two minutes.
    case silent
  }

  let streams: [DataStream]
  let control: TransferControl
  private let parameters: TestParameters
  private var workers: [Worker] = []

  /// Nanoseconds between reports; 0 for none before the end.
  private let interval: UInt64
  private let ending: UInt64?
  /// How many octets had moved when that was last seen to grow, and when.
  private var moved: UInt64 = 0
  private var movedAt: UInt64 = 0

  /// Nanoseconds without an octet after which a test is given up, as iperf3 does.
  private static let patience: UInt64 = 120_000_000_000
  /// Seconds that a server waits for a client that does not end its test.
  private static let grace = 40
  /// Moments of the clock, nanoseconds.
  private var origin: UInt64 = 0
  private var last: UInt64 = 0
  private var due: UInt64 = .max
  private var isOmitting: Bool
  /// Counters when counting began, and at the last report.
  private var base: [Interval.Sample] = []
  private var previous: [Interval.Sample] = []
  private var extremes: [StreamTotal.Extremes]
  private var processorAtStart: (user: UInt64, system: UInt64) = (0, 0)
  private var beganAt: UInt64 = 0

  var hasStarted: Bool { !workers.isEmpty }

  /// - Parameter isDirected: whether this side says when the test is over, as the client does.
  init(_ parameters: TestParameters, _ streams: [DataStream], interval: Double, isDirected: Bool, bell: Bell)
    throws(ThroughputError)
  {
    self.parameters = parameters
    self.streams = streams
    self.interval = UInt64(max(0, interval) * 1_000_000_000)
    isOmitting = parameters.omitted > 0
    extremes = streams.map { _ in StreamTotal.Extremes() }
    let length = parameters.duration + parameters.omitted
    ending = parameters.duration > 0 ? UInt64(isDirected ? length : length + Self.grace) * 1_000_000_000 : nil
    control = try TransferControl(
      parameters, senders: streams.count { $0.role == .sender }, endsByAmount: isDirected, bell: bell)
  }

  /// Starts the clock and the threads.
  mutating func start() throws(ThroughputError) {
    base = streams.map(Self.counters)
    previous = base
    svs_thread_usage(&processorAtStart.user, &processorAtStart.system)
    origin = Clock.now
    last = origin
    beganAt = origin
    movedAt = origin
    due = interval > 0 ? origin + interval : .max
    for stream in streams {
      let control = control
      workers.append(try Worker { stream.run(control) })
    }
  }

  /// Waits for what comes next.
  mutating func next(controlConnection: CInt, interrupts: CInt) -> Event {
    while true {
      let now = Clock.now
      if isOmitting, now >= beganAt + UInt64(parameters.omitted) * 1_000_000_000 { return .interval(endOmission(now)) }
      if let ending, now >= beganAt + ending { return .over }
      if control.amountIsThrough.load(ordering: .acquiring) { return .over }
      if let failed = streams.first(where: { $0.failure.load(ordering: .acquiring) != 0 }) {
        return .streamFailed(failed.failure.load(ordering: .acquiring))
      }
      if isSilent(now) { return .silent }
      if now >= due {
        due += interval
        // A report that falls together with the end is the last one's.
        if let end = expectedEnd, due - interval + interval / 10 >= end, now < end + interval / 10 {
          due = end + interval / 10
        } else {
          if due <= now { due = now + interval }
          return .interval(report(now))
        }
      }
      var until = due
      if isOmitting { until = min(until, beganAt + UInt64(parameters.omitted) * 1_000_000_000) }
      if let ending { until = min(until, beganAt + ending) }
      if let event = wait(until, controlConnection, interrupts) { return event }
    }
  }

  private mutating func isSilent(_ now: UInt64) -> Bool {
    let sum = streams.reduce(UInt64(0)) { $0 &+ $1.bytes.load(ordering: .relaxed) }
    if sum != moved {
      moved = sum
      movedAt = now
    }
    return now >= movedAt + Self.patience
  }

  private var expectedEnd: UInt64? {
    guard parameters.duration > 0, !isOmitting else { return nil }
    return origin + UInt64(parameters.duration) * 1_000_000_000
  }

  private func wait(_ until: UInt64, _ controlConnection: CInt, _ interrupts: CInt) -> Event? {
    let now = Clock.now
    let milliseconds = until > now ? min((until - now + 999_999) / 1_000_000, 10_000) : 0
    var watched = [
      pollfd(fd: controlConnection, events: Int16(POLLIN), revents: 0),
      pollfd(fd: control.bell.number, events: Int16(POLLIN), revents: 0),
      pollfd(fd: interrupts, events: Int16(POLLIN), revents: 0),
    ]
    guard poll(&watched, 3, CInt(milliseconds)) > 0 else { return nil }
    if watched[2].revents != 0 { return .interrupted }
    if watched[1].revents != 0 { control.bell.quieten() }
    return watched[0].revents != 0 ? .controlIsReadable : nil
  }

  private mutating func endOmission(_ now: UInt64) -> Interval {
    let result = report(now)
    isOmitting = false
    base = previous
    extremes = streams.map { _ in StreamTotal.Extremes() }
    origin = now
    last = now
    due = interval > 0 ? now + interval : .max
    return result
  }

  /// What happened since the last report.
  private mutating func report(_ now: UInt64) -> Interval {
    let counted = streams.map(Self.counters)
    let samples = zip(counted, previous).map { $0 - $1 }
    for (index, sample) in samples.enumerated() {
      if let connection = sample.connection { extremes[index].take(connection) }
    }
    defer {
      previous = counted
      last = now
    }
    return Interval(start: seconds(last), end: seconds(now), isOmitted: isOmitting, samples: samples)
  }

  private func seconds(_ moment: UInt64) -> Double { (Double(moment - origin) / 1000).rounded() / 1_000_000 }

  /// Stops the senders, waits until they have, and reports what has not been reported yet.
  ///
  /// - Parameter keepsReceiving: whether the other side may go on sending, so that it is not held while it ends.
  mutating func finish(keepsReceiving: Bool) -> Interval? {
    let arrived = Clock.now
    control.stop(receivers: !keepsReceiving)
    let deadline = Deadline(in: .milliseconds(500))
    while control.hasSenders, !deadline.hasPassed {
      var bell = pollfd(fd: control.bell.number, events: Int16(POLLIN), revents: 0)
      if poll(&bell, 1, deadline.milliseconds) > 0 { control.bell.quieten() }
    }
    let hasSent = streams.contains { $0.role == .sender }
    if !keepsReceiving { stopReceivers() }
    let now = hasSent ? Clock.now : arrived
    let interval = report(now)
    let moved = interval.samples.contains { $0.bytes > 0 }
    return moved || interval.seconds > 0.1 * Double(self.interval) / 1_000_000_000 ? interval : nil
  }

  private func stopReceivers() {
    // What has arrived stays readable; who waits for more is woken.
    for stream in streams where stream.role == .receiver { shutdown(stream.descriptor.number, CInt(SHUT_RD)) }
    workers.forEach { $0.join() }
  }

  /// Ends the threads; nothing of what they still move counts.
  mutating func end() {
    control.stop(receivers: true)
    for stream in streams { shutdown(stream.descriptor.number, CInt(SHUT_RDWR)) }
    workers.forEach { $0.join() }
  }

  /// Each stream over the time that counts, as of the last report.
  var totals: [StreamTotal] {
    let end = seconds(last)
    return previous.indices.map { StreamTotal(sample: previous[$0] - base[$0], end: end, extremes: extremes[$0]) }
  }

  /// How much processor time this test's threads used; after they have ended.
  var processor: ProcessorShare {
    var user: UInt64 = 0
    var system: UInt64 = 0
    svs_thread_usage(&user, &system)
    user -= min(user, processorAtStart.user)
    system -= min(system, processorAtStart.system)
    for stream in streams {
      user += stream.userTime.load(ordering: .relaxed)
      system += stream.systemTime.load(ordering: .relaxed)
    }
    let elapsed = Double(max(1, Clock.now - beganAt)) / 100
    return ProcessorShare(
      total: Double(user + system) / elapsed, user: Double(user) / elapsed, system: Double(system) / elapsed)
  }

  private static func counters(_ stream: DataStream) -> Interval.Sample {
    var sample = Interval.Sample()
    sample.bytes = stream.bytes.load(ordering: .relaxed)
    sample.packets = Int64(clamping: stream.packets.load(ordering: .relaxed))
    sample.lost = stream.lost.load(ordering: .relaxed)
    sample.outOfOrder = Int64(clamping: stream.outOfOrder.load(ordering: .relaxed))
    sample.jitter = Double(bitPattern: stream.jitter.load(ordering: .relaxed))
    var information = svs_tcp_info()
    guard stream.role == .sender, svs_tcp_information(stream.descriptor.number, &information) == 0 else {
      return sample
    }
    sample.retransmits = Int64(clamping: information.retransmits)
    sample.connection = Interval.Connection(
      congestionWindow: information.congestion_window, sendWindow: information.send_window, rtt: information.rtt,
      rttVariance: information.rtt_variance, pathMTU: information.path_mtu)
    return sample
  }
}

extension Interval.Sample {
  /// What was counted between two moments; what is no counter is the later's.
  static func - (later: Self, earlier: Self) -> Self {
    var result = later
    result.bytes = later.bytes &- earlier.bytes
    result.packets &-= earlier.packets
    result.lost &-= earlier.lost
    result.outOfOrder &-= earlier.outOfOrder
    result.retransmits &-= earlier.retransmits
    return result
  }
}
