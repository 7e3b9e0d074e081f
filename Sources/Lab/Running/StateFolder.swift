import CSystem
import Glibc
import HostSystem
import Netlink
import Synchronization

/// The folder of one lab, /run/svs/labs/NAME, and the lock that says that its owner lives.
///
/// The lock is a flock(2): the kernel lets go of it when the owner dies, however that happens.
struct StateFolder: ~Copyable {
  static let root = "/run/svs/labs"
  /// Held while a name is claimed or a dead lab looked for: never while a lab is built.
  private static let claimLock = "/run/svs/labs.lock"

  let name: String
  private let lock: Descriptor
  /// What this program wrote to the journal; nothing where another program made the lab.
  private let written: Mutex<String>

  var path: String { StateFolder.path(name) }

  static func path(_ name: String) -> String { "\(root)/\(name)" }
  static func journalPath(_ name: String) -> String { "\(root)/\(name)/journal" }
  private static func lockPath(_ name: String) -> String { "\(root)/\(name)/lock" }

  private init(name: String, lock: consuming Descriptor, written: String = "") {
    self.name = name
    self.lock = lock
    self.written = Mutex(written)
  }

  /// What was made: as this program wrote it, whatever has become of the file, or as the file of another program says.
  var journal: Journal? { Journal(written.withLock { $0 }) ?? StateFolder.journal(name) }

  /// Whether somebody removed the folder while its lock was held, which says that it is in use.
  var isLost: Bool { !StateFolder.isFile(lock.number, at: StateFolder.lockPath(name)) }

  /// Whether a path leads to an open file.
  private static func isFile(_ number: CInt, at path: String) -> Bool {
    var open = stat()
    var found = stat()
    guard fstat(number, &open) == 0, stat(path, &found) == 0 else { return false }
    return open.st_dev == found.st_dev && open.st_ino == found.st_ino
  }

  /// Claims a name for a new lab, and waits where a lab of that name is just being taken down.
  static func claim(_ name: String, lifetime: Lab.Lifetime, _ deadline: Deadline) throws(LabError) -> StateFolder {
    while true {
      do {
        return try claim(name, lifetime: lifetime)
      } catch {
        guard case .nameTaken = error, journal(name)?.isEnding != false, !deadline.hasPassed else { throw error }
        poll(nil, 0, 2)
      }
    }
  }

  private static func claim(_ name: String, lifetime: Lab.Lifetime) throws(LabError) -> StateFolder {
    try attempt { () throws(SystemError) in try Files.makeFolder(root) }
    return try holdingClaims { () throws(LabError) in
      guard mkdir(path(name), 0o755) == 0 else {
        throw errno == EEXIST ? .nameTaken(name) : .system(.last("make the folder \(path(name))"))
      }
      guard let lock = try lockFile(lockPath(name), wait: false) else { throw .nameTaken(name) }
      let first = "\(Journal.heading)\n" + Journal.Entry.lifetime(lifetime).line
      try attempt { () throws(SystemError) in try Files.write(first, to: journalPath(name)) }
      return StateFolder(name: name, lock: lock, written: first)
    }
  }

  /// Takes over a lab that nobody owns: one that was left up on purpose, or whose owner died.
  ///
  /// Nothing where there is no such lab or its owner lives.
  static func adopt(_ name: String) throws(LabError) -> StateFolder? {
    guard access(path(name), F_OK) == 0 else { return nil }
    return try holdingClaims { () throws(LabError) in
      guard access(path(name), F_OK) == 0, let lock = try lockFile(lockPath(name), wait: false) else { return nil }
      return StateFolder(name: name, lock: lock)
    }
  }

  /// The names of all labs, whoever owns them.
  static func names() -> [String] { Files.list(root).filter(isLabName) }

  static func journal(_ name: String) -> Journal? {
    (try? Files.text(journalPath(name))).flatMap(Journal.init)
  }

  func record(_ entry: Journal.Entry) throws(LabError) {
    // The journal of another program's lab is the file alone.
    written.withLock { if !$0.isEmpty { $0 += entry.line } }
    let path = StateFolder.journalPath(name)
    // Where the folder was removed, another lab's journal may have the path.
    if isLost { throw .system(SystemError(code: ENOENT, action: "write \(path)")) }
    try attempt { () throws(SystemError) in
      let file = try Descriptor(checking: open(path, O_WRONLY | O_APPEND | O_CLOEXEC), "write \(path)")
      try Files.append(entry.line, to: file, path)
    }
  }

  /// Removes the folder, under the claim lock, lest somebody lock a file that is about to go.
  func remove() throws(LabError) {
    let path = path
    let lockPath = StateFolder.lockPath(name)
    let own = lock.number
    try StateFolder.holdingClaims { () throws(LabError) in
      // Where somebody removed it, another lab may have the name by now.
      if access(lockPath, F_OK) == 0, !StateFolder.isFile(own, at: lockPath) { return }
      try attempt { () throws(SystemError) in try Files.remove(path) }
    }
  }

  private static func holdingClaims<R: ~Copyable>(_ body: () throws(LabError) -> R) throws(LabError) -> R {
    let file = open(claimLock, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard file >= 0 else { throw .system(.last("open \(claimLock)")) }
    defer { close(file) }
    let result = svs_lock_file(file, 1)
    guard result == 0 else { throw .system(SystemError(code: -result, action: "lock \(claimLock)")) }
    return try body()
  }

  /// Opens and locks a file; nothing where somebody else holds the lock.
  private static func lockFile(_ path: String, wait: Bool) throws(LabError) -> Descriptor? {
    let number = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard number >= 0 else { throw .system(.last("open \(path)")) }
    let file = Descriptor(number)
    let result = svs_lock_file(file.number, wait ? 1 : 0)
    if result == -EWOULDBLOCK { return nil }
    guard result == 0 else { throw .system(SystemError(code: -result, action: "lock \(path)")) }
    return file
  }
}
