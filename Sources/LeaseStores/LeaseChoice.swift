import ClusterModel
import Netlink

/// Which subnet a node gets.
struct LeaseChoice: Hashable {
  var lease: SubnetLease
  /// Whether the node has it already.
  var isHeld: Bool
  /// Leases of the same node that are in its way: of another network, or second ones.
  var stale: [SubnetLease]

  init(
    _ request: LeaseRequest, _ configuration: FlannelConfiguration, _ state: LeaseStoreState
  ) throws(SubnetsExhausted) {
    let own = state.leases.filter { $0.publicIP == request.publicIP }
    if let held = own.first(where: { configuration.gives($0.subnet, $0.ipv6Subnet) }) {
      lease = SubnetLease(
        subnet: held.subnet, ipv6Subnet: held.ipv6Subnet, publicIP: request.publicIP, publicIPv6: request.publicIPv6,
        backend: request.backend)
      isHeld = true
      stale = own.filter { $0.key != held.key }
      return
    }
    var taken = state.taken
    for prefix in own.flatMap({ [$0.subnet, $0.ipv6Subnet] }) {
      if let position = taken.firstIndex(where: { $0 == prefix }) { taken.remove(at: position) }
    }
    guard let ipv4 = configuration.ipv4 else {
      throw SubnetsExhausted(network: configuration.ipv6 ?? .init(.everything(.ipv4)))
    }
    lease = SubnetLease(
      subnet: try ipv4.free(request.previous, taken),
      ipv6Subnet: try configuration.ipv6?.free(request.previousIPv6, taken), publicIP: request.publicIP,
      publicIPv6: request.publicIPv6, backend: request.backend)
    isHeld = false
    stale = own
  }
}

extension FlannelConfiguration.Network {
  /// The previous subnet if it can be had, or the first that is free.
  fileprivate func free(_ previous: IPPrefix?, _ taken: [IPPrefix]) throws(SubnetsExhausted) -> IPPrefix {
    if let previous = previous?.network, gives(previous), !taken.contains(where: previous.overlaps) { return previous }
    return try firstFree(taken: taken)
  }
}

extension FlannelConfiguration {
  func gives(_ subnet: IPPrefix, _ ipv6Subnet: IPPrefix?) -> Bool {
    guard ipv4?.gives(subnet) ?? false else { return false }
    guard let ipv6 else { return ipv6Subnet == nil }
    return ipv6Subnet.map(ipv6.gives) ?? false
  }
}

extension IPPrefix {
  fileprivate func overlaps(_ other: IPPrefix) -> Bool {
    contains(other.network.address) || other.contains(network.address)
  }
}
