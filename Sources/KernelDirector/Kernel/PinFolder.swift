import CLibbpf
import CSystem
import Glibc
import Netlink

/// Where the director of a network namespace keeps what must outlive every process: its pins, on a bpf file system
/// of our own.
///
/// /sys/fs/bpf would not do: `ip netns exec` hides it behind a fresh /sys. A namespace goes by its cookie, since
/// inode numbers are given out again.
struct PinFolder {
  static let root = "/run/svs"
  static var fileSystem: String { root + "/bpf" }

  let path: String
  let lockPath: String

  init(cookie: UInt64) {
    let name = "ns-" + String(cookie, radix: 16)
    path = Self.fileSystem + "/" + name
    lockPath = Self.root + "/" + name + ".lock"
  }

  /// The folder of the calling thread's namespace.
  static func current() throws(DirectorError) -> PinFolder {
    do {
      return PinFolder(cookie: try NetworkNamespace.current().cookie)
    } catch {
      throw .system(doing: error.action, errno: error.code)
    }
  }

  /// What the folder is called while its director is being taken down.
  var retiredPath: String { path + "-old" }

  var exists: Bool { access(path, F_OK) == 0 }

  func pin(_ name: String) -> String { path + "/" + name }

  /// Waits for the right to look at, and change, the director of this namespace.
  func lock() throws(DirectorError) -> FileLock {
    try Self.prepare()
    return try FileLock(lockPath)
  }

  /// Makes sure of the file system.
  static func prepare() throws(DirectorError) {
    if svs_is_bpffs(fileSystem) == 1 { return }
    for folder in [root, fileSystem] {
      guard mkdir(folder, 0o755) == 0 || errno == EEXIST else {
        throw errno == EACCES || errno == EPERM ? .notPermitted : .system(doing: "make \(folder)", errno: errno)
      }
    }
    // Two commands may come here at once: mount only what is not mounted yet.
    let guardian = try FileLock(root + "/mount.lock")
    defer { _ = guardian }
    if svs_is_bpffs(fileSystem) == 1 { return }
    let result = svs_mount_bpffs(root, fileSystem)
    if result == -EPERM || result == -EACCES { throw .notPermitted }
    guard result == 0 else { throw .system(doing: "mount a bpf file system on \(fileSystem)", errno: -result) }
    // Whoever has mounts that nothing spreads to would lose its director with them.
    guard svs_is_bpffs(fileSystem) == 1 else {
      throw .system(
        doing: "see \(fileSystem) from this mount namespace, run one svs command outside it first", errno: EXDEV)
    }
  }

  /// Removes the folder with all that is in it.
  static func remove(_ path: String) {
    guard let folder = opendir(path) else { return }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    closedir(folder)
    for name in names where unlink(path + "/" + name) != 0 { remove(path + "/" + name) }
    rmdir(path)
  }

  static func entries(of path: String) -> [String] {
    guard let folder = opendir(path) else { return [] }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// Removes what namespaces left that are no more: a link whose device went with its namespace has no interface.
  static func collectDead(sparing own: PinFolder) {
    for name in entries(of: fileSystem) where name.hasPrefix("ns-") {
      let path = fileSystem + "/" + name
      guard path != own.path, path != own.path + "-new", isDead(path) else { continue }
      // Somebody may be building it: who holds its lock is alive.
      let isPassing = name.hasSuffix("-new") || name.hasSuffix("-old")
      let lockPath = root + "/" + (isPassing ? String(name.dropLast(4)) : name) + ".lock"
      let fd = open(lockPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
      guard fd >= 0 else { continue }
      if flock(fd, LOCK_EX | LOCK_NB) == 0, isDead(path) {
        remove(path)
        unlink(lockPath)
      }
      close(fd)
    }
    for name in entries(of: root) where name.hasPrefix("ns-") && name.hasSuffix(".lock") { collectLock(name) }
  }

  /// Removes a lock that protects nothing: its namespace has no director. Whoever waits for it notices.
  private static func collectLock(_ name: String) {
    let folder = fileSystem + "/" + name.dropLast(5)
    func isIdle() -> Bool { access(folder, F_OK) != 0 && access(folder + "-new", F_OK) != 0 }
    guard isIdle() else { return }
    let fd = open(root + "/" + name, O_RDWR | O_CLOEXEC)
    guard fd >= 0 else { return }
    if flock(fd, LOCK_EX | LOCK_NB) == 0, isIdle() { unlink(root + "/" + name) }
    close(fd)
  }

  private static func isDead(_ path: String) -> Bool {
    entries(of: path + "/links").allSatisfy { name in
      guard let link = try? PinnedLink(path: path + "/links/" + name) else { return true }
      return link.interface == nil
    }
  }
}
