import Glibc

/// Kernel settings; those under net are the calling thread's network namespace's.
package enum Sysctls {
  /// A path below /proc/sys; with a slash in the key the dots stay, since an interface's name may have one.
  package static func path(_ key: String) -> String {
    "/proc/sys/" + (key.contains("/") ? key : String(key.map { $0 == "." ? "/" : $0 }))
  }

  package static func get(_ key: String) throws(SystemError) -> String {
    let text = try Files.text(path(key))
    return text.last == "\n" ? String(text.dropLast()) : text
  }

  /// - Parameter optional: whether the kernel may lack the setting, as one without IPv6 does.
  package static func set(_ key: String, _ value: String, optional: Bool = false) throws(SystemError) {
    do {
      try Files.write("\(value)\n", to: path(key), creating: false)
    } catch {
      guard error.code == ENOENT, optional else { throw error }
    }
  }
}
