import Glibc

/// File operations with errors that say what was being done.
package enum Files {
  /// Reads a file as a whole.
  ///
  /// - Parameter limit: `EFBIG` is thrown for a file of more bytes, which may have no end, as /dev/zero has none.
  package static func read(_ path: String, limit: Int = .max) throws(SystemError) -> [UInt8] {
    try read(try Descriptor(checking: open(path, O_RDONLY | O_CLOEXEC), "read \(path)"), path, limit: limit)
  }

  /// Reads a file from its beginning, wherever its writers are.
  package static func read(
    _ file: borrowing Descriptor, _ path: String, limit: Int = .max
  ) throws(SystemError) -> [UInt8] {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
      var count = pread(file.number, &buffer, buffer.count, off_t(bytes.count))
      // A pipe has no places, only a next byte.
      if count < 0, errno == ESPIPE { count = Glibc.read(file.number, &buffer, buffer.count) }
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw SystemError.last("read \(path)") }
      if count == 0 { return bytes }
      bytes += buffer[..<count]
      guard bytes.count <= limit else { throw SystemError(code: EFBIG, action: "read \(path)") }
    }
  }

  package static func text(_ path: String, limit: Int = .max) throws(SystemError) -> String {
    String(decoding: try read(path, limit: limit), as: UTF8.self)
  }

  /// Makes or replaces a file. Kernel settings, which are not to be made, take the text in one write.
  package static func write(
    _ text: String, to path: String, creating: Bool = true, truncating: Bool? = nil
  ) throws(SystemError) {
    let flags = O_WRONLY | O_CLOEXEC | (creating ? O_CREAT : 0) | (truncating ?? creating ? O_TRUNC : 0)
    let file = try Descriptor(checking: open(path, flags, 0o644), "write \(path)")
    try append(text, to: file, path)
  }

  /// Puts a file in the place of another at once: readers see the old or the new one, whole.
  package static func replace(_ path: String, with text: String) throws(SystemError) {
    let new = path + ".new"
    try write(text, to: new)
    guard rename(new, path) == 0 else { throw SystemError.last("replace \(path)") }
  }

  package static func append(_ text: String, to file: borrowing Descriptor, _ path: String) throws(SystemError) {
    try append(Array(text.utf8), to: file, path)
  }

  package static func append(_ bytes: [UInt8], to file: borrowing Descriptor, _ path: String) throws(SystemError) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(file.number, $0.baseAddress, $0.count) }
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw SystemError.last("write \(path)") }
      rest = rest.dropFirst(count)
    }
  }

  /// Makes a folder and those above it.
  package static func makeFolder(_ path: String) throws(SystemError) {
    var made = ""
    for part in path.split(separator: "/") {
      made += "/\(part)"
      guard mkdir(made, 0o755) == 0 || errno == EEXIST else { throw .last("make the folder \(made)") }
    }
  }

  /// The names in a folder, sorted; none where there is no folder.
  package static func list(_ path: String) -> [String] {
    guard let listing = opendir(path) else { return [] }
    defer { closedir(listing) }
    var names: [String] = []
    while let entry = readdir(listing) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// Removes a file, or a folder with all that is in it; what is not there is no error.
  package static func remove(_ path: String) throws(SystemError) {
    if unlink(path) == 0 || errno == ENOENT { return }
    guard errno == EISDIR || errno == EPERM else { throw .last("remove \(path)") }
    // Something may be put into it between the listing and the end: a few times, but not for ever.
    for _ in 0..<10 {
      for name in list(path) { try remove("\(path)/\(name)") }
      if rmdir(path) == 0 || errno == ENOENT { return }
      guard errno == ENOTEMPTY || errno == EEXIST else { break }
    }
    throw .last("remove \(path)")
  }
}
