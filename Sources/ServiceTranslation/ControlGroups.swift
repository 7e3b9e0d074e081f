import Glibc
import HostSystem

/// The root of the control groups of version 2, where a hook sees every process.
enum ControlGroups {
  /// Opens it where it is mounted, or mounts it for as long as that takes.
  static func openRoot() throws(ServiceTranslationError) -> Descriptor {
    let doing = "open the root of the control groups"
    let mounts: String
    do { mounts = try Files.text("/proc/self/mountinfo") } catch { throw .from(error.code, error.action) }
    if let path = mountPoint(in: mounts) {
      let number = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      if number >= 0 { return Descriptor(number) }
    }
    let place = "/run/svs/cgroup-\(getpid())"
    for folder in ["/run/svs", place] {
      guard mkdir(folder, 0o755) == 0 || errno == EEXIST else { throw .last("make \(folder)") }
    }
    defer { rmdir(place) }
    guard mount("none", place, "cgroup2", 0, nil) == 0 else { throw .last("mount cgroup2 on \(place)") }
    let number = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    let code = errno
    umount2(place, CInt(MNT_DETACH))
    guard number >= 0 else { throw .from(code, doing) }
    return Descriptor(number)
  }

  /// Where all of cgroup2 is mounted, by the text of /proc/self/mountinfo (proc(5)); the last mount covers others.
  ///
  /// The fields: number, parent, device, root, mount point, options, any of a few more, a dash, type.
  static func mountPoint(in mounts: String) -> String? {
    var found: String?
    for line in mounts.split(separator: "\n") {
      let fields = line.split(separator: " ")
      guard let dash = fields.firstIndex(of: "-"), dash >= 6, dash + 1 < fields.count else { continue }
      if fields[dash + 1] == "cgroup2", fields[3] == "/" { found = unescape(fields[4]) }
    }
    return found
  }

  /// Blank, tab, line feed and backslash stand as three octal digits.
  private static func unescape(_ text: Substring) -> String {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      let digits = rest.prefix(3)
      if byte == UInt8(ascii: "\\"), digits.count == 3,
        let code = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
      {
        bytes.append(code)
        rest = rest.dropFirst(3)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
