import Glibc
import Measurement
import Synchronization

/// Looks at the processors again and again while a program runs, on a thread of its own.
///
/// A program's start, its connecting and an echo before its load are not what a transfer costs: from samples the time
/// that counts can be cut out afterwards.
final class ProcessorSampler: Sendable {
  struct Sample: Hashable, Sendable {
    /// Since the first sample.
    var seconds: Double
    var times: ProcessorTimes
  }

  private let network: any MeasuredNetwork
  private let start = ContinuousClock.now
  private let samples = Mutex<[Sample]>([])
  private let isOver = Atomic<Bool>(false)

  /// /proc/stat counts in hundredths of a second: nearer samples would tell no more.
  private static let period: useconds_t = 20_000

  private init(_ network: any MeasuredNetwork) { self.network = network }

  /// Samples from before a body to its end; the first and the last are taken by the calling thread.
  static func samples(
    of network: any MeasuredNetwork, during body: () throws(MeasuringError) -> Void
  ) throws(MeasuringError) -> [Sample] {
    let sampler = ProcessorSampler(network)
    try sampler.take()
    let thread = sampler.thread()
    do throws(MeasuringError) { try body() } catch {
      sampler.end(thread)
      throw error
    }
    sampler.end(thread)
    try sampler.take()
    return sampler.samples.withLock { $0 }
  }

  private func take() throws(MeasuringError) {
    let times = try network.processorTimes()
    let sample = Sample(seconds: (ContinuousClock.now - start).seconds, times: times)
    samples.withLock { $0.append(sample) }
  }

  /// Without a thread the first and the last sample are all there is.
  private func thread() -> pthread_t? {
    let argument = Unmanaged.passRetained(self)
    var thread = pthread_t()
    let result = pthread_create(
      &thread, nil,
      { pointer in
        if let pointer { Unmanaged<ProcessorSampler>.fromOpaque(pointer).takeRetainedValue().run() }
        return nil
      }, argument.toOpaque())
    guard result == 0 else {
      argument.release()
      return nil
    }
    return thread
  }

  private func run() {
    while !isOver.load(ordering: .acquiring) {
      usleep(Self.period)
      // What could not be read now is read the next time.
      try? take()
    }
  }

  private func end(_ thread: pthread_t?) {
    isOver.store(true, ordering: .releasing)
    if let thread { pthread_join(thread, nil) }
  }
}

extension [ProcessorSampler.Sample] {
  /// What was done in the last so many seconds, as near as there are samples, and how long that was.
  func last(_ seconds: Double) -> (times: ProcessorTimes, seconds: Double)? {
    guard let end = last, count > 1 else { return nil }
    let begin = dropLast().min { abs(end.seconds - seconds - $0.seconds) < abs(end.seconds - seconds - $1.seconds) }
    guard let begin, end.seconds > begin.seconds else { return nil }
    return (end.times.since(begin.times), end.seconds - begin.seconds)
  }
}
