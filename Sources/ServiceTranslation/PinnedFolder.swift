import CLibbpf
import CSystem
import Glibc
import HostSystem

/// Where a translator's maps, programs and links outlive every process: a folder of a bpf file system.
struct PinnedFolder {
  /// Ours, which `ip netns exec` does not hide as it does /sys/fs/bpf.
  static let fileSystem = "/run/svs/bpf"

  let path: String
  private let parent: String

  init(_ path: String) throws(ServiceTranslationError) {
    let parts = path.split(separator: "/")
    guard path.hasPrefix("/"), parts.count > 1, let name = parts.last, !name.contains(".") else {
      throw .invalidFolder(path)
    }
    self.path = "/" + parts.joined(separator: "/")
    parent = "/" + parts.dropLast().joined(separator: "/")
  }

  /// What the folder is called until all is in it.
  var unfinished: String { Self.unfinished(path) }

  /// Names of clusters have dashes and no underscore: no other's folder is called so.
  static func unfinished(_ path: String) -> String { path + "_new" }

  var exists: Bool { access(path, F_OK) == 0 }

  func pin(_ name: String) -> String { path + "/" + name }

  /// Makes sure that the folder can be made.
  func prepare() throws(ServiceTranslationError) {
    if svs_is_bpffs(parent) == 1 { return }
    guard parent == Self.fileSystem else { throw .notBPFFileSystem(folder: parent) }
    let root = "/run/svs"
    for folder in [root, parent] {
      guard mkdir(folder, 0o755) == 0 || errno == EEXIST else { throw .last("make \(folder)") }
    }
    let result = try FileLock(root + "/mount.lock").holding {
      // Another one may have come first.
      svs_is_bpffs(parent) == 1 ? 0 : svs_mount_bpffs(root, parent)
    }
    guard result == 0 else { throw .from(-result, "mount a bpf file system on \(parent)") }
    guard svs_is_bpffs(parent) == 1 else { throw .notBPFFileSystem(folder: parent) }
  }

  /// Keeps others from making, changing and removing what is pinned meanwhile.
  func locked<R>(_ body: () throws(ServiceTranslationError) -> R) throws(ServiceTranslationError) -> R {
    try FileLock(folder: parent).holding(body)
  }

  /// Takes the hooks away at once, whoever holds them open, and then all pins.
  func remove() throws(ServiceTranslationError) {
    guard svs_is_bpffs(parent) == 1 else { return }
    try locked { () throws(ServiceTranslationError) in
      for folder in [path, unfinished] { try remove(folder) }
    }
  }

  func remove(_ folder: String) throws(ServiceTranslationError) {
    for name in Files.list(folder) where name.hasPrefix(SocketObject.linkPrefix) {
      let link = bpf_obj_get(folder + "/" + name)
      guard link >= 0 else { throw .last("open \(folder)/\(name)") }
      let result = bpf_link_detach(link)
      close(link)
      // Its control group is gone already.
      guard result == 0 || result == -ENOLINK else { throw .from(-result, "detach \(folder)/\(name)") }
    }
    do { try Files.remove(folder) } catch { throw .from(error.code, error.action) }
  }
}

/// An advisory lock on a file or folder.
private struct FileLock: ~Copyable {
  private let file: Descriptor

  init(_ path: String) throws(ServiceTranslationError) {
    try self.init(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600), path)
  }

  init(folder path: String) throws(ServiceTranslationError) {
    try self.init(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), path)
  }

  private init(_ number: CInt, _ path: String) throws(ServiceTranslationError) {
    guard number >= 0 else { throw .last("open \(path)") }
    let file = Descriptor(number)
    while flock(number, LOCK_EX) != 0 {
      guard errno == EINTR else { throw .last("lock \(path)") }
    }
    self.file = file
  }

  borrowing func holding<R>(_ body: () throws(ServiceTranslationError) -> R) throws(ServiceTranslationError) -> R {
    try body()
  }
}
