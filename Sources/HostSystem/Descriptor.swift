import Glibc

/// A file descriptor that is closed when its owner goes.
package struct Descriptor: ~Copyable, Sendable {
  package let number: CInt

  package init(_ number: CInt) { self.number = number }

  /// Takes what a system call returned, with errno as it stands where that is negative.
  package init(checking number: CInt, _ action: @autoclosure () -> String) throws(SystemError) {
    guard number >= 0 else { throw .last(action()) }
    self.number = number
  }

  deinit { close(number) }
}
