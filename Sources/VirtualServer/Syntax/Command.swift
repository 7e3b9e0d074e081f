/// What a call of ipvsadm asks for, in the order of its compatibility table.
public enum Command: Int, CaseIterable, Sendable {
  case addService, editService, deleteService, flush, list
  case addServer, deleteServer, editServer
  case setTimeouts, startDaemon, stopDaemon
  case restore, save, zero

  /// The name that messages use.
  var name: String {
    switch self {
    case .addService: "add-service"
    case .editService: "edit-service"
    case .deleteService: "delete-service"
    case .flush: "flush"
    case .list: "list"
    case .addServer: "add-server"
    case .deleteServer: "delete-server"
    case .editServer: "edit-server"
    case .setTimeouts: "set"
    case .startDaemon: "start-daemon"
    case .stopDaemon: "stop-daemon"
    case .restore: "restore"
    case .save: "save"
    case .zero: "zero"
    }
  }
}
