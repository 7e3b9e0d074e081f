import Netlink

/// What keeps part of an overlay from being what it should be; the rest of it is put up all the same.
public enum OverlayProblem: Hashable, Sendable {
  /// A peer that is to be reached without a tunnel has a router before it.
  case notOnLink(subnet: IPPrefix, peer: IPAddress, interface: String)
  case otherNetwork(subnet: IPPrefix, peer: IPAddress, vni: UInt32, own: UInt32)
  case otherBackend(subnet: IPPrefix, peer: IPAddress, backend: String)
  /// A lease of the same or a part of another's subnet.
  case overlap(subnet: IPPrefix, peer: IPAddress, with: IPPrefix)
  case outside(subnet: IPPrefix, peer: IPAddress)
  /// A lease that says a node has an address that is this node's.
  case ownAddress(subnet: IPPrefix, peer: IPAddress)
  /// The lease of a vxlan peer lacks the hardware address for this family.
  case noHardwareAddress(subnet: IPPrefix, peer: IPAddress)
  /// Somebody else's route to a peer's pods.
  case foreignRoute(IPPrefix, via: String)
  /// Somebody else's device has the name.
  case foreignDevice(String, kind: String)
  /// Somebody else's device serves the network already.
  case takenNetwork(vni: UInt32, port: UInt16, by: String)
}

extension OverlayProblem: CustomStringConvertible {
  public var description: String {
    switch self {
    case .notOnLink(let subnet, let peer, let interface):
      "\(subnet) cannot be routed to \(peer), which is not on the link of \(interface): host-gw wants all nodes on one"
        + " link; use the backend vxlan"
    case .otherNetwork(let subnet, let peer, let vni, let own):
      "\(subnet) at \(peer) is in the vxlan network \(vni), this node in \(own); give both the same VNI"
    case .otherBackend(let subnet, let peer, let backend):
      "\(subnet) at \(peer) is served by the backend \(backend), which is not known here; use vxlan or host-gw"
    case .overlap(let subnet, let peer, let other):
      "the lease of \(subnet) by \(peer) overlaps with \(other); remove one of the two"
    case .outside(let subnet, let peer):
      "the lease of \(subnet) by \(peer) is not within the pods' network; remove it"
    case .ownAddress(let subnet, let peer):
      "the lease of \(subnet) names \(peer), which is this node's own address; remove it if it is an old one"
    case .noHardwareAddress(let subnet, let peer):
      "the lease of \(subnet) by \(peer) does not say the hardware address of its tunnel device"
    case .foreignRoute(let prefix, let via):
      "somebody else's route leads to \(prefix), \(via); remove it: ip route del \(prefix)"
    case .foreignDevice(let name, let kind):
      "there is a \(kind) device \(name) that is not the overlay's; use another VNI, or remove it: ip link del \(name)"
    case .takenNetwork(let vni, let port, let name):
      "the device \(name) has the vxlan network \(vni) at port \(port) already; remove it: ip link del \(name)"
    }
  }
}
