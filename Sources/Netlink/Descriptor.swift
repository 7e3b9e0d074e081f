import Glibc

/// A file descriptor that is closed when its owner goes.
package struct Descriptor: ~Copyable {
  package let number: CInt

  package init(_ number: CInt) { self.number = number }

  /// Takes what a system call returned, or errno as it stands.
  package init(checking number: CInt, _ action: @autoclosure () -> String) throws(NetlinkError) {
    guard number >= 0 else { throw NetlinkError.last(action()) }
    self.number = number
  }

  deinit { close(number) }
}
