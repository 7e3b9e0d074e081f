import Glibc
import HostSystem

extension ResultFile {
  /// Finds out, before anything is measured, whether a result can be written to a path; `-` is standard output.
  ///
  /// What is there already stays as it is.
  public static func check(_ path: String) throws(ResultFileError) {
    do throws(SystemError) {
      switch try place(path) {
      case .standardOutput: break
      case .itself: _ = try Descriptor(checking: open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK), "write \(path)")
      // Nobody reads yet; whoever does may come while it is measured.
      case .pipe: guard access(path, W_OK) == 0 else { throw .last("write \(path)") }
      case .aside(let target, _):
        do throws(SystemError) { unlink(try Aside(target).path) } catch { throw error.writing(path) }
      }
    } catch {
      throw ResultFileError(error)
    }
  }

  /// Writes a result to a path, whole or not at all wherever a file can be replaced; `-` is standard output.
  public static func write(text: String, to path: String) throws(ResultFileError) {
    do throws(SystemError) {
      switch try place(path) {
      case .standardOutput: try Files.append(text, to: Descriptor(dup(STDOUT_FILENO)), "standard output")
      case .itself, .pipe: try Files.write(text, to: path, creating: false, truncating: true)
      case .aside(let target, let mode):
        do throws(SystemError) { try replace(target, with: text, mode) } catch { throw error.writing(path) }
      }
    } catch {
      throw ResultFileError(error)
    }
  }

  private static func replace(_ target: String, with text: String, _ mode: mode_t?) throws(SystemError) {
    let new = try Aside(target)
    do throws(SystemError) {
      // Before there is anything to read in it.
      if let mode { fchmod(new.file.number, mode) }
      try Files.append(text, to: new.file, target)
      guard rename(new.path, target) == 0 else { throw .last("write \(target)") }
    } catch {
      unlink(new.path)
      throw error
    }
  }

  private enum Place {
    case standardOutput
    /// To be written in its place: a device, or a file that another one cannot stand for.
    case itself
    case pipe
    /// To be written beside it and put in its place, with the mode that it had.
    case aside(String, mode: mode_t?)
  }

  private static func place(_ path: String) throws(SystemError) -> Place {
    guard path != "-" else { return .standardOutput }
    guard !path.isEmpty else { throw SystemError(code: ENOENT, action: "write a file without a name") }
    var status = stat()
    guard stat(path, &status) == 0 else {
      guard errno == ENOENT else { throw .last("write \(path)") }
      // A link to a file that is yet to be made is one as well: it stays, and that file is made.
      return try target(ofLink: path).map(place) ?? .aside(path, mode: nil)
    }
    switch status.st_mode & S_IFMT {
    case S_IFDIR: throw SystemError(code: EISDIR, action: "write \(path)")
    case S_IFIFO: return .pipe
    case S_IFREG: break
    default: return .itself
    }
    // A link's file, another name of it, its owner: what is put in its place would be without them.
    var own = stat()
    let isPlain = lstat(path, &own) == 0 && own.st_mode & S_IFMT == S_IFREG && own.st_nlink == 1
    let folder = Aside.folder(of: path)
    let mayReplace = own.st_uid == geteuid() && access(folder.isEmpty ? "." : folder, W_OK | X_OK) == 0
    return isPlain && mayReplace && access(path, W_OK) == 0 ? .aside(path, mode: status.st_mode & 0o7777) : .itself
  }

  /// Where a symbolic link leads, as seen from here; nil where the path is none. The kernel has found no circle in it.
  private static func target(ofLink path: String) throws(SystemError) -> String? {
    var bytes = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = readlink(path, &bytes, bytes.count)
    guard count > 0 else {
      guard errno == EINVAL || errno == ENOENT else { throw .last("write \(path)") }
      return nil
    }
    let target = String(decoding: bytes[..<count], as: UTF8.self)
    return target.hasPrefix("/") ? target : Aside.folder(of: path) + target
  }
}

/// A file beside another, whose place it is to take; nobody else has it.
private struct Aside: ~Copyable {
  let path: String
  let file: Descriptor

  /// As mkostemp(3) makes one, but with the mode that the umask leaves, as a file that is made in its place has.
  ///
  /// Whoever writes to a folder that several machines or containers share may have this process's number too: only what
  /// this call has made may be written to or removed.
  init(_ target: String) throws(SystemError) {
    let folder = Aside.folder(of: target)
    // With a dot and the rest it is to be a name too (NAME_MAX).
    let stem = String(decoding: target.utf8.dropFirst(folder.utf8.count).prefix(200), as: UTF8.self)
    while true {
      let path = "\(folder).\(stem).\(String(UInt64.random(in: 0 ... .max), radix: 36))"
      let number = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o666)
      if number < 0, errno == EEXIST { continue }
      file = try Descriptor(checking: number, "write \(target)")
      self.path = path
      return
    }
  }

  /// The path's part up to its last slash, which may be empty.
  static func folder(of path: String) -> String { path.lastIndex(of: "/").map { String(path[...$0]) } ?? "" }
}

extension SystemError {
  /// The same, in the words of whoever asked for the result.
  fileprivate func writing(_ path: String) -> SystemError { SystemError(code: code, action: "write \(path)") }
}

extension ResultFileError {
  /// Without the hint that root might: whoever measures needs a place of their own, not more rights.
  fileprivate init(_ error: SystemError) {
    self.init("cannot \(error.action): \(String(cString: strerror(error.code)))")
  }
}
