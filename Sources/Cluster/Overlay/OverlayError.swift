import ClusterModel
import HostSystem
import Netlink

/// What keeps a node's overlay from being put up or changed, in words for whoever runs the cluster.
public enum OverlayError: Error, Hashable, Sendable {
  /// What is asked for makes no sense; nothing was changed.
  case configuration(node: String, String)
  /// The interface to the peers is not there or has not the node's address.
  case outerInterface(node: String, interface: String, String)
  /// The new backend cannot reach peers that the present one reaches; nothing was changed.
  case refused(node: String, [OverlayProblem])
  /// All was done but what these say; it is done as soon as they are gone.
  case incomplete(node: String, [OverlayProblem])
  case network(NetlinkError, node: String)
  /// The state file or a kernel setting.
  case system(SystemError, node: String)
  /// Others change the network as fast as it is put right.
  case unsettled(node: String, [OverlayStep])
  case stopped(node: String)
}

extension OverlayError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .configuration(let node, let message): "\(node): \(message)"
    case .outerInterface(let node, let interface, let message): "\(node): the outer interface \(interface) \(message)"
    case .refused(let node, let problems):
      "\(node): the backend was not changed: \(problems.sentences)"
    case .incomplete(let node, let problems): "\(node): \(problems.sentences)"
    case .network(let error, let node): "\(node): \(error)"
    case .system(let error, let node): "\(node): \(error)"
    case .unsettled(let node, let steps):
      "\(node): the overlay changes as fast as it is put right; does another program, such as flanneld, manage it? Last: "
        + steps.map(\.description).joined(separator: "; ")
    case .stopped(let node): "\(node): the overlay was stopped"
    }
  }
}

extension [OverlayProblem] {
  fileprivate var sentences: String { map(\.description).joined(separator: "; ") }
}

/// What an overlay's agent has to tell while nobody asks it.
public enum OverlayEvent: Hashable, Sendable {
  /// What others had changed and was put right.
  case repaired(node: String, [OverlayStep])
  /// What now is in the way; nothing once all of it is gone.
  case problems(node: String, [OverlayProblem])
  /// A check failed; it is tried again.
  case failed(OverlayError)
}

extension OverlayEvent: CustomStringConvertible {
  public var description: String {
    switch self {
    case .repaired(let node, let steps): "\(node): repaired: " + steps.map(\.description).joined(separator: "; ")
    case .problems(let node, let problems):
      problems.isEmpty ? "\(node): nothing is in the overlay's way any more" : "\(node): \(problems.sentences)"
    case .failed(let error): "\(error)"
    }
  }
}

/// What a node's kernel holds of its overlay.
public struct OverlayStatus: Hashable, Sendable {
  public var devices: [OverlayDevice]
  public var present: [OverlayEntry]
  /// What should be there and is not.
  public var missing: [OverlayEntry]
  /// Tunnel devices that stay as long as peers may send to them.
  public var lingering: [String]
  public var problems: [OverlayProblem]
}
