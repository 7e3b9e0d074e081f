import ClusterModel
import Cluster
import HostSystem
import LeaseStores
import Netlink

/// Why a node cannot be part of the pods' network, in words for whoever runs it.
public enum OverlayNodeError: Error, Hashable, Sendable {
  case noDefaultRoute
  case noInterface(String)
  /// No interface has the address that `--interface` says.
  case noSuchAddress(IPAddress)
  case noAddress(interface: String, IPAddress.Family)
  /// A peer could not be reached by the network that lies below the pods'.
  case overlap(pods: IPPrefix, host: IPPrefix, interface: String)
  case noIPv4
  /// Another program is this node already.
  case isRunning(stateFile: String)
  case overlay(OverlayError)
  case network(NetlinkError)
  case system(SystemError)
  case masquerading(String)
  case store(LeaseStoreError)

  /// Whether another attempt would end in the same way.
  var isFinal: Bool {
    switch self {
    case .overlay(.network(let error, _)), .network(let error): [1, 13].contains(error.code)
    case .overlay(.system(let error, _)), .system(let error): [1, 13].contains(error.code)
    default: false
    }
  }
}

extension OverlayNodeError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .noDefaultRoute:
      "there is no default route that would tell the interface to the other nodes; name it: --interface IF"
    case .noInterface(let name): "there is no interface \(name); see: ip link"
    case .noSuchAddress(let address): "no interface has the address \(address); see: ip address"
    case .noAddress(let interface, let family):
      "the interface \(interface) has no \(family == .ipv4 ? "IPv4" : "global IPv6") address that other nodes could send"
        + " to; give it one, or say what they are to send to: "
        + (family == .ipv4 ? "--public-ip ADDRESS" : "--public-ipv6 ADDRESS")
    case .overlap(let pods, let host, let interface):
      "the pods' network \(pods) overlaps with \(host) of the interface \(interface), by which the other nodes are"
        + " reached; write another Network into the configuration"
    case .noIPv4: "the configuration has no IPv4 network, and leases are named by it; write one"
    case .isRunning(let file):
      "svs overlay runs on this host already, with the state file \(file); end it first, or give another node's"
        + " namespace a file of its own: --state FILE"
    case .overlay(let error): "\(error)"
    case .network(let error): "\(error)"
    case .system(let error): "\(error)"
    case .masquerading(let reason):
      "masquerading was refused: nft said: \(reason); leave out --ip-masq, or see whether nft is installed"
    case .store(let error): "\(error)"
    }
  }
}
