import CSystem
import Glibc
import HostSystem

/// SIGINT, SIGTERM and SIGHUP as something that becomes readable, so that a test ends with its results.
public struct Interrupts: ~Copyable, Sendable {
  private let descriptor: Descriptor
  var number: CInt { descriptor.number }

  /// Takes a descriptor that becomes readable when the test is to end.
  init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }

  /// Takes the three signals from this thread and those it starts from now on.
  public static func watch() throws(ThroughputError) -> Interrupts {
    let code = svs_watch_interrupts()
    guard code >= 0 else { throw .system(SystemError(code: -code, action: "watch for interrupts")) }
    return Interrupts(Descriptor(code))
  }
}
