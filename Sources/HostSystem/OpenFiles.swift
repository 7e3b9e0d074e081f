import Glibc

/// How many files this process may have open; each socket is one (getrlimit(2), RLIMIT_NOFILE).
package enum OpenFiles {
  /// Raises the soft limit to the hard one where fewer than so many may be open.
  ///
  /// - Returns: How many may be open then, which may still be fewer.
  @discardableResult
  package static func makeRoom(for needed: UInt64) throws(SystemError) -> UInt64 {
    var limits = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limits) == 0 else {
      throw .last("read the limit of open files")
    }
    guard limits.rlim_cur < needed, limits.rlim_cur < limits.rlim_max else { return UInt64(limits.rlim_cur) }
    limits.rlim_cur = limits.rlim_max
    guard setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limits) == 0 else {
      throw .last("raise the limit of open files")
    }
    return UInt64(limits.rlim_cur)
  }
}
