import Netlink

/// What an operator says of a node.
public struct OverlayNodeSettings: Sendable {
  /// The node's name, for messages.
  public var name: String
  /// The name of the network namespace that is the node; nil: the one that the program is in.
  public var namespace: String?
  /// The interface by which peers are reached, or an address that it has; nil: that of the default route.
  public var interface: String?
  /// What peers send to, where that is not the interface's first address.
  public var publicIP: IPAddress?
  public var publicIPv6: IPAddress?
  /// What tells the container runtime of the node's subnet.
  public var subnetFile = "/run/flannel/subnet.env"
  /// What the node put into the kernel, and its hardware addresses.
  public var stateFile = "/run/svs/overlay.state"
  /// Whether what leaves the pods' network gets the node's address.
  public var masquerades = false
  /// Whether the end gives the lease back and takes away what is in the kernel.
  public var removesOnExit = false
  /// Whether the node ends when all is set up.
  public var endsWhenUp = false
  /// How long after a failure it is tried again.
  public var retryPause: Duration = .seconds(5)
  /// How often it is asked whether the rules that masquerade are still there.
  public var ruleInterval: Duration = .seconds(10)
  /// How long before its end a lease is renewed.
  public var renewMargin: Duration = .seconds(3_600)

  public init(name: String) { self.name = name }
}
