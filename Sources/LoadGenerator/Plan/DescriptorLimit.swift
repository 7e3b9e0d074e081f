import HostSystem

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
    let limit: UInt64
    do throws(SystemError) { limit = try OpenFiles.makeRoom(for: needed) } catch {
      throw .system(error.action, code: error.code)
    }
    guard limit >= needed else { throw .tooManyUsers(users, files: needed, limit: limit) }
  }
}
