import Netlink

/// What the kernel's routing brings to a director that is attached to no interface, from whichever interface it comes.
///
/// IPv4 only.
public struct RoutedIntake: Hashable, Sendable {
  /// Networks of virtual addresses that nobody has: all that is for them.
  public var networks: [IPPrefix]
  /// An address of this host's own where services have ports. What this host sends to services leaves with it.
  public var host: IPAddress?
  /// The ports that are the services', not the host's: its own sockets there are not reached from outside.
  public var hostPorts: [TransportProtocol: [ClosedRange<UInt16>]]
  /// Where real servers under FULLNAT answer to; routed to this host by the network around it.
  public var localAddresses: [IPPrefix]

  public init(
    networks: [IPPrefix], host: IPAddress? = nil, hostPorts: [TransportProtocol: [ClosedRange<UInt16>]] = [:],
    localAddresses: [IPPrefix]
  ) {
    self.networks = networks
    self.host = host
    self.hostPorts = hostPorts
    self.localAddresses = localAddresses
  }
}
