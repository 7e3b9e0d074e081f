import Glibc

/// What this process has used of the machine.
public enum ProcessUsage {
  /// Seconds of processor time of all its threads, user and system (getrusage(2)).
  public static var processorSeconds: Double {
    var usage = rusage()
    getrusage(CInt(RUSAGE_SELF.rawValue), &usage)
    return Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
      + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6
  }

  /// Bytes that it has in memory (proc_pid_statm(5)); 0 where /proc is not there.
  public static var residentBytes: UInt64 {
    guard let file = fopen("/proc/self/statm", "r") else { return 0 }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 128)
    guard fgets(&line, CInt(line.count), file) != nil else { return 0 }
    let words = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self).split(
      separator: " ")
    guard words.count > 1, let pages = UInt64(words[1]) else { return 0 }
    return pages * UInt64(sysconf(CInt(_SC_PAGESIZE)))
  }
}
