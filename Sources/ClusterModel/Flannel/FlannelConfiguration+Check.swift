import Netlink

extension FlannelConfiguration {
  /// Whether nodes can be given subnets of this; ``init(json:)`` has asked that already.
  public func check() throws(FlannelConfigurationError) {
    guard ipv4 != nil || ipv6 != nil else {
      throw FlannelConfigurationError(key: "Network", value: nil, reason: "it is missing", remedy: "write one")
    }
    try ipv4?.check("", .ipv4)
    try ipv6?.check("IPv6", .ipv6)
    if case .vxlan(let vxlan) = backend { try vxlan.check(ipv6: ipv6 != nil) }
  }
}

extension FlannelConfiguration.Network {
  /// The rules are flannel's (pkg/subnet/config.go, CheckNetworkConfig).
  fileprivate func check(_ start: String, _ family: IPAddress.Family) throws(FlannelConfigurationError) {
    func fault(_ key: String, _ value: String, _ reason: String, _ remedy: String) -> FlannelConfigurationError {
      FlannelConfigurationError(key: start + key, value: value, reason: reason, remedy: remedy)
    }
    let bits = UInt8(prefix.address.bitWidth)
    guard prefix.address.family == family else {
      throw fault("Network", "\"\(prefix)\"", "this is a network of the other family", "exchange the two")
    }
    // A network of everything would have its subnets where the hosts themselves are.
    guard prefix.length > 0, prefix.length <= bits - 4 else {
      throw fault(
        "Network", "\"\(prefix)\"",
        "its prefix length is not between 1 and \(bits - 4), so that four subnets of four "
          + "addresses have room", "write another network")
    }
    guard subnetLength >= prefix.length + 2 else {
      throw fault(
        "SubnetLen", "\(subnetLength)", "\(prefix) has no room for four subnets of this length",
        "write \(prefix.length + 2) or more, or a network with a shorter prefix")
    }
    guard subnetLength <= bits - 2 else {
      throw fault(
        "SubnetLen", "\(subnetLength)", "a subnet of this length has no addresses for a bridge and a pod",
        "write \(bits - 2) or less")
    }
    for (key, address) in [("SubnetMin", subnetMin), ("SubnetMax", subnetMax)] {
      guard let address else { continue }
      guard prefix.contains(address) else {
        throw fault(key, "\"\(address)\"", "this is not in \(prefix)", "write the base address of one of its subnets")
      }
      let boundary = IPPrefix(address, length: subnetLength).network.address
      guard address == boundary else {
        throw fault(key, "\"\(address)\"", "no subnet of /\(subnetLength) begins there", "write \"\(boundary)\"")
      }
    }
    guard firstSubnet.number <= lastSubnet.number else {
      throw fault("SubnetMax", "\"\(lastSubnet)\"", "this is before SubnetMin, \(firstSubnet)", "exchange the two")
    }
  }
}

extension FlannelConfiguration.VXLAN {
  fileprivate func check(ipv6: Bool) throws(FlannelConfigurationError) {
    guard 1...0xff_ffff ~= vni else {
      throw FlannelConfigurationError(
        key: "Backend.VNI", value: "\(vni)", reason: "VXLAN's numbers are 1 to 16777215", remedy: "write one of them")
    }
    // What IP itself asks of every link (RFC 791; RFC 8200, section 5).
    let least = (ipv6 ? 1_280 : 68) + Self.overhead
    guard let mtu, !(least...65_535).contains(mtu) else { return }
    throw FlannelConfigurationError(
      key: "Backend.MTU", value: "\(mtu)",
      reason: "the tunnel has \(Self.overhead) bytes less than this, and needs \(least - Self.overhead) to carry "
        + (ipv6 ? "IPv6" : "IPv4"), remedy: "leave it out for as much as the network below carries")
  }
}
