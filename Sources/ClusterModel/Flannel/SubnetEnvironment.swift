import Netlink

/// What `subnet.env` tells the container runtime's flannel plugin of a node's subnet (/run/flannel/subnet.env).
public struct SubnetEnvironment: Hashable, Sendable {
  public var network: IPPrefix
  /// With the bridge's address, the first of the subnet: 10.244.1.1/24.
  public var subnet: IPPrefix
  public var ipv6Network: IPPrefix?
  public var ipv6Subnet: IPPrefix?
  /// Of pods' devices, in bytes.
  public var mtu: UInt32
  /// Whether flannel masquerades what leaves the pods' network, so that the plugin does not.
  public var masquerades: Bool

  public init(
    network: IPPrefix, subnet: IPPrefix, ipv6Network: IPPrefix? = nil, ipv6Subnet: IPPrefix? = nil, mtu: UInt32,
    masquerades: Bool
  ) {
    self.network = network
    self.subnet = subnet
    self.ipv6Network = ipv6Network
    self.ipv6Subnet = ipv6Subnet
    self.mtu = mtu
    self.masquerades = masquerades
  }

  /// Nil where the lease is of another kind of network: without IPv4, or with IPv6 on one side only.
  public init?(_ configuration: FlannelConfiguration, _ lease: SubnetLease, mtu: UInt32, masquerades: Bool) {
    guard let ipv4 = configuration.ipv4, (configuration.ipv6 == nil) == (lease.ipv6Subnet == nil) else { return nil }
    self.init(
      network: ipv4.prefix, subnet: lease.subnet.firstHost, ipv6Network: configuration.ipv6?.prefix,
      ipv6Subnet: lease.ipv6Subnet?.firstHost, mtu: mtu, masquerades: masquerades)
  }

  /// The file's text.
  public var text: String {
    var lines = ["FLANNEL_NETWORK=\(network)", "FLANNEL_SUBNET=\(subnet)"]
    if let ipv6Network, let ipv6Subnet {
      lines += ["FLANNEL_IPV6_NETWORK=\(ipv6Network)", "FLANNEL_IPV6_SUBNET=\(ipv6Subnet)"]
    }
    lines += ["FLANNEL_MTU=\(mtu)", "FLANNEL_IPMASQ=\(masquerades)"]
    return lines.map { $0 + "\n" }.joined()
  }

  /// Reads the file, as it was left by an earlier run; nil where it is not whole.
  public init?(parsing text: some StringProtocol) {
    var values: [Substring: Substring] = [:]
    for line in String(text).split(whereSeparator: \.isNewline) {
      let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      if parts.count == 2 { values[parts[0]] = parts[1] }
    }
    func prefix(_ name: Substring) -> IPPrefix? {
      values["FLANNEL_" + name].flatMap { $0.contains("/") ? IPPrefix($0) : nil }
    }
    guard let network = prefix("NETWORK"), let subnet = prefix("SUBNET"), network.contains(subnet.address),
      let mtu = values["FLANNEL_MTU"].flatMap({ UInt32($0) }), let masquerades = values["FLANNEL_IPMASQ"]
    else { return nil }
    self.init(
      network: network, subnet: subnet, ipv6Network: prefix("IPV6_NETWORK"), ipv6Subnet: prefix("IPV6_SUBNET"),
      mtu: mtu, masquerades: masquerades == "true")
  }
}

extension IPPrefix {
  fileprivate var firstHost: IPPrefix {
    IPPrefix(IPAddress(number: numbers.lowerBound + 1, family: address.family), length: length)
  }
}
