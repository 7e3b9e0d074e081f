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
      case .aside(let new, _):
        _ = try Descriptor(checking: open(new, O_WRONLY | O_CREAT | O_CLOEXEC, 0o666), "write \(path)")
        unlink(new)
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
      case .aside(let new, let mode):
        do throws(SystemError) {
          try Files.write(text, to: new)
          if let mode { chmod(new, mode) }
          guard rename(new, path) == 0 else { throw .last("write \(path)") }
        } catch {
          unlink(new)
          throw SystemError(code: error.code, action: "write \(path)")
        }
      }
    } catch {
      throw ResultFileError(error)
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
    var status = stat()
    let isThere = stat(path, &status) == 0
    guard isThere || errno == ENOENT else { throw .last("write \(path)") }
    let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
    let aside = Place.aside("\(folder).svs-\(getpid()).new", mode: isThere ? status.st_mode & 0o7777 : nil)
    guard isThere else { return aside }
    switch status.st_mode & S_IFMT {
    case S_IFDIR: throw SystemError(code: EISDIR, action: "write \(path)")
    case S_IFIFO: return .pipe
    case S_IFREG: break
    default: return .itself
    }
    // A link's file, another name of it, its owner: what is put in its place would be without them.
    var own = stat()
    let isPlain = lstat(path, &own) == 0 && own.st_mode & S_IFMT == S_IFREG && own.st_nlink == 1
    let mayReplace = own.st_uid == geteuid() && access(folder.isEmpty ? "." : folder, W_OK | X_OK) == 0
    return isPlain && mayReplace && access(path, W_OK) == 0 ? aside : .itself
  }
}

extension ResultFileError {
  /// Without the hint that root might: whoever measures needs a place of their own, not more rights.
  fileprivate init(_ error: SystemError) {
    self.init("cannot \(error.action): \(String(cString: strerror(error.code)))")
  }
}
