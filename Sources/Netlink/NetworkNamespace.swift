import CSystem
import Glibc
import HostSystem

/// A network namespace held open.
///
/// It lives as long as this value, a process inside it, or its name under /run/netns does.
public struct NetworkNamespace: ~Copyable, Sendable {
  /// Where iproute2 keeps names (ip-netns(8)).
  public static let folder = "/run/netns"

  private let file: Descriptor

  /// The open file of the namespace, for requests that name one by descriptor.
  public var descriptor: CInt { file.number }

  /// Opens the namespace of the calling thread.
  public static func current() throws(NetlinkError) -> NetworkNamespace {
    try NetworkNamespace(path: "/proc/thread-self/ns/net", "open the current network namespace")
  }

  /// Opens a namespace by its name, as `ip netns` lists it; ENOENT where there is none.
  public static func named(_ name: String) throws(NetlinkError) -> NetworkNamespace {
    try NetworkNamespace(path: try path(name), "open the network namespace \(name)")
  }

  /// Opens the namespace of a process.
  public static func ofProcess(_ pid: pid_t) throws(NetlinkError) -> NetworkNamespace {
    try NetworkNamespace(path: "/proc/\(pid)/ns/net", "open the network namespace of process \(pid)")
  }

  private init(path: String, _ action: String) throws(NetlinkError) {
    let number = open(path, O_RDONLY | O_CLOEXEC)
    guard number >= 0 else { throw NetlinkError.last(action) }
    file = Descriptor(number)
  }

  /// Makes a namespace with a name, as `ip netns add` does; EEXIST where the name is taken.
  ///
  /// The name works with `ip netns` too. The loopback of a new namespace is down.
  public static func create(_ name: String) throws(NetlinkError) -> NetworkNamespace {
    let path = try path(name)
    let action = "create the network namespace \(name)"
    guard mkdir(folder, 0o755) == 0 || errno == EEXIST else { throw NetlinkError.last(action) }
    // Shared, so that a namespace deleted here does not live on in mount namespaces that copied the mount.
    try check(svs_share_mount(folder), action)
    let mark = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0)
    guard mark >= 0 else { throw NetlinkError.last(action) }
    close(mark)
    do {
      return try whileAway { () throws(NetlinkError) in
        guard svs_unshare(SVS_CLONE_NEWNET) == 0 else { throw NetlinkError.last(action) }
        try check(svs_bind_mount("/proc/thread-self/ns/net", path), action)
        return try NetworkNamespace(path: path, action)
      }
    } catch {
      unlink(path)
      throw error
    }
  }

  /// Takes a name away; the namespace itself goes with its last user.
  public static func delete(_ name: String) throws(NetlinkError) {
    let path = try path(name)
    // EINVAL: a name whose maker died before it mounted the namespace.
    let unmounted = svs_unmount(path)
    guard unmounted == 0 || unmounted == -EINVAL else {
      throw NetlinkError(code: -unmounted, action: "delete the network namespace \(name)")
    }
    guard unlink(path) == 0 else { throw NetlinkError.last("delete the network namespace \(name)") }
  }

  /// The names under ``folder``, sorted.
  public static func names() -> [String] {
    guard let listing = opendir(folder) else { return [] }
    defer { closedir(listing) }
    var names: [String] = []
    while let entry = readdir(listing) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { $0.terminatedText }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// What identifies a namespace as long as the machine runs (SO_NETNS_COOKIE); inode numbers are used again.
  public var cookie: UInt64 {
    get throws(NetlinkError) {
      try perform { () throws(NetlinkError) in
        let probe = try Descriptor.socket()
        var cookie: UInt64 = 0
        try check(svs_netns_cookie(probe.number, &cookie), "identify the network namespace")
        return cookie
      }
    }
  }

  /// Runs a closure with the calling thread inside this namespace and comes back.
  ///
  /// Mounts stay as they are, unlike with `ip netns exec`. Sockets opened and processes started by the closure belong
  /// to the namespace. Needs CAP_SYS_ADMIN.
  public borrowing func perform<R: ~Copyable>(
    _ body: () throws(NetlinkError) -> R
  ) throws(NetlinkError) -> R {
    let target = file.number
    return try NetworkNamespace.whileAway { () throws(NetlinkError) in
      guard svs_setns(target, SVS_CLONE_NEWNET) == 0 else { throw NetlinkError.last("enter a network namespace") }
      return try body()
    }
  }

  /// As ``perform(_:)``, for closures with errors of their own.
  @_disfavoredOverload
  public borrowing func perform<R>(_ body: () throws -> R) throws -> R {
    try perform { () throws(NetlinkError) in Result { try body() } }.get()
  }

  /// Lets the closure leave the thread's namespace and brings the thread back.
  private static func whileAway<R: ~Copyable>(_ body: () throws(NetlinkError) -> R) throws(NetlinkError) -> R {
    let home = try current()
    defer {
      // A thread that went on in the wrong namespace would do its next work to somebody else's network. One that never
      // got away, for want of rights, has not the rights to come back either.
      if svs_setns(home.descriptor, SVS_CLONE_NEWNET) != 0 {
        let code = errno
        if !home.isThisThreads {
          fatalError("cannot return to the network namespace: \(String(cString: strerror(code)))")
        }
      }
    }
    return try body()
  }

  private var isThisThreads: Bool {
    var this = stat()
    var threads = stat()
    return fstat(descriptor, &this) == 0 && stat("/proc/thread-self/ns/net", &threads) == 0
      && this.st_ino == threads.st_ino && this.st_dev == threads.st_dev
  }

  private static func path(_ name: String) throws(NetlinkError) -> String {
    guard isValidName(name) else {
      throw NetlinkError(
        code: EINVAL, action: "use \"\(name)\" as a network namespace's name",
        detail: "1 to 255 bytes, no slash, not . or ..")
    }
    return "\(folder)/\(name)"
  }

  private static func isValidName(_ name: String) -> Bool {
    !name.isEmpty && name.utf8.count <= 255 && name != "." && name != ".." && !name.utf8.contains(UInt8(ascii: "/"))
      && !name.utf8.contains(0)
  }
}

/// Turns a negative errno, as the C shims return it, into an error.
func check(_ result: CInt, _ action: @autoclosure () -> String) throws(NetlinkError) {
  guard result >= 0 else { throw NetlinkError(code: -result, action: action()) }
}
