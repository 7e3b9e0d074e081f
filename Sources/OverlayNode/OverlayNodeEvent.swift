import ClusterModel
import Cluster
import LeaseStores
import Netlink

/// What a node has to tell while it runs.
public enum OverlayNodeEvent: Hashable, Sendable {
  /// By what it reaches its peers, and what they send to.
  case address(interface: String, publicIP: IPAddress)
  /// Nothing can be done before this is gone.
  case waiting(LeaseStoreError)
  /// The store answers again.
  case reached(place: String)
  case configuration(FlannelConfiguration)
  case lease(SubnetLease, place: String)
  case renewed(SubnetLease)
  case lost(LeaseStoreError)
  /// Something failed; it is tried again.
  case fault(OverlayNodeError)
  /// What others wrote and is passed over.
  case passedOver(LeaseStoreError)
  /// Another node says that it has this node's address.
  case twice(SubnetLease)
  case peers(joined: [SubnetLease], changed: [SubnetLease], left: [SubnetLease])
  case isUp(SubnetLease, backend: String, peers: Int, file: String)
  case kernel(OverlayEvent)
  case ended(wasUp: Bool, removed: Bool)
}

extension OverlayNodeEvent: CustomStringConvertible {
  public var description: String {
    switch self {
    case .address(let interface, let publicIP):
      "other nodes are reached by \(interface), and reach this one at \(publicIP)"
    case .waiting(let error): "waiting: \(error)"
    case .reached(let place): "\(place) answers again"
    case .configuration(let configuration): "the configuration is \(configuration.json)"
    case .lease(let lease, let place): "\(lease.subnets) is this node's, by \(place)"
    case .renewed(let lease): "the lease of \(lease.subnets) was renewed"
    case .lost(let error): "\(error); another is asked for, and what is in the kernel stays until then"
    case .fault(let error): "\(error)"
    case .passedOver(let error): "\(error)"
    case .twice(let lease):
      "another node has written this node's lease of \(lease.subnets): both say that they are \(lease.publicIP), and "
        + "pods of one of them cannot be reached; give each node its own address: --public-ip ADDRESS"
    case .peers(let joined, let changed, let left):
      ([("joined", joined), ("changed", changed), ("left", left)].filter { !$0.1.isEmpty }.map { word, leases in
        "\(word): " + leases.map { "\($0.subnets) at \($0.publicIP) (\($0.backend.name))" }.joined(separator: ", ")
      }).joined(separator: "; ")
    case .isUp(let lease, let backend, let peers, let file):
      "the pods' network is up: \(lease.subnets) by \(backend), \(peers) peer\(peers == 1 ? "" : "s"); \(file) is written"
    case .kernel(let event): "\(event)"
    case .ended(false, _): "ended before the pods' network was up"
    case .ended(true, let removed):
      removed ? "ended; the lease is given back, and nothing is left in the kernel" : "ended; pods' packets go on"
    }
  }

  /// One line of JSON: what happened, the sentence for people, and the parts that a program may want.
  public var json: String {
    var members: [JSONValue.Member] = [.init("event", .string(name))]
    switch self {
    case .address(let interface, let publicIP):
      members += [.init("interface", .string(interface)), .init("publicIP", .string("\(publicIP)"))]
    case .lease(let lease, _), .renewed(let lease), .twice(let lease): members += lease.members
    case .isUp(let lease, let backend, let peers, _):
      members += lease.members + [.init("backend", .string(backend)), .init("peers", .number("\(peers)"))]
    case .peers(let joined, let changed, let left):
      for (word, leases) in [("joined", joined), ("changed", changed), ("left", left)] {
        members.append(.init(word, .array(leases.map { .object($0.members) })))
      }
    case .ended(_, let removed): members.append(.init("removed", .bool(removed)))
    default: break
    }
    return JSONValue.object(members + [.init("text", .string(description))]).compact
  }

  /// Whether it is told in other words that nobody answers: what a connection dies of changes, and it is one trouble.
  func isSameTrouble(as other: OverlayNodeEvent) -> Bool {
    self == other || isSilence && other.isSilence
  }

  private var isSilence: Bool {
    switch self {
    case .waiting(.unreachable), .waiting(.slow), .fault(.store(.unreachable)), .fault(.store(.slow)): true
    default: false
    }
  }

  private var name: String {
    switch self {
    case .address: "address"
    case .waiting: "waiting"
    case .reached: "reached"
    case .configuration: "configuration"
    case .lease: "lease"
    case .renewed: "renewed"
    case .lost: "lost"
    case .fault: "fault"
    case .passedOver: "passed-over"
    case .twice: "twice"
    case .peers: "peers"
    case .isUp: "up"
    case .kernel(.repaired): "repaired"
    case .kernel: "kernel"
    case .ended: "ended"
    }
  }
}

extension SubnetLease {
  fileprivate var subnets: String { [subnet, ipv6Subnet].compactMap { $0?.description }.joined(separator: " and ") }

  fileprivate var members: [JSONValue.Member] {
    [.init("subnet", .string("\(subnet)"))] + (ipv6Subnet.map { [.init("ipv6Subnet", .string("\($0)"))] } ?? [])
      + [.init("publicIP", .string("\(publicIP)"))]
  }
}
