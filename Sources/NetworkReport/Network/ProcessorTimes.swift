import HostSystem

/// What processors have done, in seconds of one processor, since the machine was started.
public struct ProcessorTimes: Hashable, Sendable {
  /// User and system, interrupts and softirqs: packets are carried in the latter, in nobody's name.
  public var busySeconds: Double
  /// Idle, and waiting for disks.
  public var idleSeconds: Double
  /// Taken away by the host of a virtual machine.
  public var stolenSeconds: Double

  public init(busySeconds: Double, idleSeconds: Double, stolenSeconds: Double = 0) {
    self.busySeconds = busySeconds
    self.idleSeconds = idleSeconds
    self.stolenSeconds = stolenSeconds
  }

  /// Reads the first line of /proc/stat (proc_stat(5)); nil where there is none.
  ///
  /// - Parameter ticksPerSecond: USER_HZ, which Linux has fixed at 100 on all that this runs on.
  public init?(stat text: some StringProtocol, ticksPerSecond: Double = 100) {
    for line in text.split(separator: "\n") where line.hasPrefix("cpu ") {
      let fields = line.split(separator: " ").dropFirst().map { Double($0) ?? .nan }
      // user, nice, system, idle, iowait, irq, softirq, steal; guests' time is in user already.
      guard fields.count >= 7, fields.prefix(8).allSatisfy({ $0.isFinite && $0 >= 0 }) else { return nil }
      busySeconds = (fields[0] + fields[1] + fields[2] + fields[5] + fields[6]) / ticksPerSecond
      idleSeconds = (fields[3] + fields[4]) / ticksPerSecond
      stolenSeconds = (fields.count > 7 ? fields[7] : 0) / ticksPerSecond
      return
    }
    return nil
  }

  public static func ofThisMachine() throws(MeasuringError) -> ProcessorTimes {
    do {
      if let times = ProcessorTimes(stat: try Files.text("/proc/stat")) { return times }
    } catch {
      throw MeasuringError("\(error)")
    }
    throw MeasuringError("/proc/stat has no line of all processors.")
  }

  /// What was done between two moments.
  public func since(_ earlier: ProcessorTimes) -> ProcessorTimes {
    ProcessorTimes(
      busySeconds: max(0, busySeconds - earlier.busySeconds), idleSeconds: max(0, idleSeconds - earlier.idleSeconds),
      stolenSeconds: max(0, stolenSeconds - earlier.stolenSeconds))
  }

  /// 0 to 1; nil where no time has passed.
  public var busyShare: Double? {
    let all = busySeconds + idleSeconds + stolenSeconds
    return all > 0 ? busySeconds / all : nil
  }
}
