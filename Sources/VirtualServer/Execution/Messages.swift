import Glibc
import KernelDirector

/// Says why a store refused a command, in ipvsadm's words where it has some.
enum Messages {
  static func text(_ error: DirectorError, of command: Command) -> String {
    switch error {
    case .serviceExists: "Service already exists"
    case .noSuchService:
      switch command {
      case .addServer, .editServer, .deleteServer: "Service not defined"
      default: "No such service"
      }
    case .serverExists: "Destination already exists"
    case .noSuchServer: "No such destination"
    case .schedulerNotFound: "Scheduler or persistence engine not found"
    case .familyMismatch, .invalidServer:
      "Invalid operation.  Possibly wrong module version, address not unicast, ..."
    case .thresholdOrder: system(ERANGE)
    case .noSuchInterface: system(ENODEV)
    case .syncDaemonRunning: "Daemon has already run"
    case .noSyncDaemon: "No daemon is running"
    case .notPermitted: "Permission denied (you must be root)"
    case .layoutMismatch(let found, let expected):
      """
      The rules kept in this network namespace have layout \(found), this program speaks \(expected): \
      use the version that made them, or drop them with 'svs detach'
      """
    case .full(let what): "Memory allocation problem: no room left for \(what)"
    case .invalidLocalAddress, .localAddressTaken, .noSuchLocalAddress, .disclosureNeedsTCP: error.sentence
    case .system, .unsupportedKernel, .notAttached, .capacityFixed, .capacityOutOfRange, .isDiverted:
      error.sentence
    }
  }

  private static func system(_ errno: Int32) -> String { String(cString: strerror(errno)) }
}
