import Glibc

/// A system call that failed: errno, and what was being done.
public struct SystemError: Error, Hashable, Sendable {
  /// The errno value, positive.
  public var code: CInt
  /// The rest of a sentence that begins with "cannot".
  public var action: String

  public init(code: CInt, action: String) {
    self.code = code
    self.action = action
  }

  /// Takes errno as it stands; nothing may run between the failed call and this.
  package static func last(_ action: String) -> SystemError { SystemError(code: errno, action: action) }

  /// Turns a negative errno, as the C shims return it, into an error.
  @discardableResult
  package static func check(_ result: CInt, _ action: @autoclosure () -> String) throws(SystemError) -> CInt {
    guard result >= 0 else { throw SystemError(code: -result, action: action()) }
    return result
  }
}

extension SystemError: CustomStringConvertible {
  public var description: String {
    let hint = code == EPERM || code == EACCES ? "; run it as root" : ""
    return "cannot \(action): \(String(cString: strerror(code)))\(hint)"
  }
}
