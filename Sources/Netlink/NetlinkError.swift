import Glibc

/// A request that the kernel, or the way to it, refused.
public struct NetlinkError: Error, Hashable, Sendable {
  /// The errno value, positive.
  public var code: CInt
  /// What was being done, as the rest of a sentence that begins with "cannot".
  public var action: String
  /// The kernel's own words, where it gave any (extended acknowledgement, linux/netlink.h).
  public var detail: String?

  public init(code: CInt, action: String, detail: String? = nil) {
    self.code = code
    self.action = action
    self.detail = detail
  }

  /// Takes errno as it stands; nothing may run between the failed call and this.
  static func last(_ action: String) -> NetlinkError { NetlinkError(code: errno, action: action) }
}

extension NetlinkError: CustomStringConvertible {
  public var description: String {
    let reason = String(cString: strerror(code))
    guard let detail else { return "cannot \(action): \(reason)\(hint)" }
    return "cannot \(action): \(reason) (kernel: \(detail))\(hint)"
  }

  private var hint: String { code == EPERM || code == EACCES ? "; run it as root" : "" }
}
