import Glibc
import HostSystem

/// Keeps a second program away from a node: two with different stores would undo each other's work forever.
struct NodeLock: ~Copyable {
  private let file: Descriptor
  private let path: String

  init(_ settings: OverlayNodeSettings) throws(OverlayNodeError) {
    let path = settings.stateFile + ".lock"
    let file = try Self.open(path)
    guard flock(file.number, LOCK_EX | LOCK_NB) == 0 else { throw .isRunning(stateFile: settings.stateFile) }
    self.path = path
    self.file = file
  }

  private static func open(_ path: String) throws(OverlayNodeError) -> Descriptor {
    do throws(SystemError) {
      if let slash = path.lastIndex(of: "/"), slash != path.startIndex { try Files.makeFolder(String(path[..<slash])) }
      return try Descriptor(checking: Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600), "write \(path)")
    } catch { throw .system(error) }
  }

  /// For an end that leaves nothing.
  func remove() { unlink(path) }
}
