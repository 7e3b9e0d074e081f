import Glibc

/// How many files this process may have open; each user's connection is one.
public enum DescriptorLimit {
  /// What a process has open besides: output, signals, results, libraries.
  private static let others = 32
  /// Of each thread: its event queue, and what wakes it.
  private static let ofThread = 2

  /// Makes room for so many users as far as this process may: up to the hard limit (getrlimit(2)).
  ///
  /// - Throws: `LoadError.tooManyUsers` where that does not suffice.
  public static func admit(users: Int, threads: Int) throws(LoadError) {
    let needed = UInt64(users + threads * ofThread + others)
    var limits = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limits) == 0 else {
      throw .system("read the limit of open files", code: errno)
    }
    guard limits.rlim_cur < needed else { return }
    guard limits.rlim_max >= needed else { throw .tooManyUsers(users, files: needed, limit: UInt64(limits.rlim_max)) }
    limits.rlim_cur = limits.rlim_max
    guard setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limits) == 0 else {
      throw .system("raise the limit of open files", code: errno)
    }
  }
}
