import Netlink

/// Labs that come with the product: a client, a director and three real servers that serve a page over HTTP.
///
/// The page of a real server is its name. Every network has IPv4 and IPv6; a VIP is on the director, and under direct
/// routing and tunnelling also on the real servers, silent.
public enum BuiltInLab: String, CaseIterable, Sendable {
  /// The servers' default gateway is the director; they serve on port 8080.
  case nat
  /// Everybody is on one link; the servers answer the client themselves.
  case dr
  /// The servers are elsewhere, behind a router, each in a network of its own.
  case tun
  /// The servers are elsewhere, behind a router that is their gateway, and know nothing of a director.
  case fullnat
  /// All methods in one network, a VIP for each.
  case all

  /// One sentence for `svs lab list` and help texts.
  public var summary: String {
    switch self {
    case .nat: "NAT: client, director, and three real servers behind it"
    case .dr: "DR: client, director and three real servers on one link"
    case .tun: "TUN: client and director on one link, three real servers behind a router"
    case .fullnat: "FULLNAT: as tun, with servers that are not set up for a director in any way"
    case .all: "NAT, DR, TUN and FULLNAT side by side, for the demo"
    }
  }

  /// The VIP for each method that the lab is made for.
  public var virtualAddresses: VirtualAddresses {
    switch self {
    case .nat: VirtualAddresses(nat: VIP.nat)
    case .dr: VirtualAddresses(direct: VIP.direct)
    case .tun: VirtualAddresses(tunnel: VIP.tunnel)
    case .fullnat: VirtualAddresses(fullNAT: VIP.fullNAT)
    case .all:
      VirtualAddresses(nat: VIP.nat, direct: VIP.direct, tunnel: VIP.tunnel, fullNAT: VIP.fullNAT)
    }
  }

  public struct VirtualAddresses: Hashable, Sendable {
    public var nat: IPAddress?
    public var direct: IPAddress?
    public var tunnel: IPAddress?
    public var fullNAT: IPAddress?
  }

  /// The real servers' addresses as the director names them under each method.
  public func realServers(_ method: Method, _ family: IPAddress.Family = .ipv4) -> [IPAddress] {
    (1...3).map { number in
      let net: Int
      switch (self, method) {
      case (.tun, _), (.fullnat, _): return address(family, net: 20 + number, host: 2)
      case (.dr, _), (.all, .direct): net = 1
      case (.nat, _), (.all, _): net = 2
      }
      return address(family, net: net, host: 10 + number)
    }
  }

  public enum Method: Sendable { case nat, direct, tunnel, fullNAT }

  public var topology: Topology {
    switch self {
    case .nat: natTopology()
    case .dr: directTopology()
    case .tun: remoteTopology(.tun)
    case .fullnat: remoteTopology(.fullnat)
    case .all: fullTopology()
    }
  }
}

/// The VIPs, in the client's network.
enum VIP {
  static let nat = address(.ipv4, net: 1, host: 100)
  static let direct = address(.ipv4, net: 1, host: 101)
  static let tunnel = address(.ipv4, net: 1, host: 102)
  static let fullNAT = address(.ipv4, net: 1, host: 103)

  /// A VIP of each family.
  static func both(_ vip: IPAddress) -> [IPAddress] { [vip, address(.ipv6, net: 1, host: Int(vip.bytes[3]))] }
}

/// 10.NET.0.HOST or fd10:NET::HOST, where the digits of the host are the same.
func address(_ family: IPAddress.Family, net: Int, host: Int) -> IPAddress {
  switch family {
  case .ipv4:
    return IPAddress(family: .ipv4, words: (UInt32(10 | net << 8 | host << 24), 0, 0, 0))
  case .ipv6:
    // Decimal digits stand in the hexadecimal group, as people write such plans: ::100 beside .100.
    let group = UInt32(String(host), radix: 16) ?? 0
    let network = UInt32(String(net), radix: 16) ?? 0
    return IPAddress(family: .ipv6, words: (UInt32(0xFD10_0000 | network).bigEndian, 0, 0, group.bigEndian))
  }
}
