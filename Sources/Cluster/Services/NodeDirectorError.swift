import ClusterModel
import KernelDirector
import Netlink

/// Why a node does not serve its services to those outside, in words for whoever runs the cluster.
public enum NodeDirectorError: Error, Hashable, Sendable {
  /// Addresses or services that cannot be served together: a sentence without its full stop.
  case invalid(String)
  case director(DirectorError, node: String)
  /// One service could not be brought in line; the others were.
  case service(ServicePort.Name, DirectorError, node: String)
  case network(NetlinkError, node: String)
}

extension NodeDirectorError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .invalid(let why): why
    case .director(let error, let node): "\(node): \(error.sentence)"
    case .service(let name, let error, let node): "\(node): \(name): \(error.sentence)"
    case .network(let error, let node): "\(node): \(error)"
    }
  }
}
