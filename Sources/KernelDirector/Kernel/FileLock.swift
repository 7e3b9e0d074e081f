import Glibc

/// An advisory lock on a file, held as long as this value lives.
struct FileLock: ~Copyable {
  private let descriptor: Int32

  /// Waits for the lock; the kernel lets go of it when the process ends, however it ends.
  init(_ path: String) throws(DirectorError) {
    while true {
      let fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
      guard fd >= 0 else { throw .system(doing: "open \(path)", errno: errno) }
      while flock(fd, LOCK_EX) != 0 {
        let error = errno
        if error == EINTR { continue }
        close(fd)
        throw .system(doing: "lock \(path)", errno: error)
      }
      // Its last holder may have removed the file: then another one counts.
      var here = stat()
      var there = stat()
      if fstat(fd, &here) == 0, stat(path, &there) == 0, here.st_ino == there.st_ino {
        descriptor = fd
        return
      }
      close(fd)
    }
  }

  deinit { close(descriptor) }
}
