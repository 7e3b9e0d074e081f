import Netlink

/// What of a host's traffic is sent to a director that no interface bears, from whichever interface it comes.
///
/// IPv4 only.
public struct DivertedTraffic: Hashable, Sendable {
  /// Virtual addresses that nobody has: all that is for them.
  public var network: IPPrefix
  /// An address of this host's own where services have ports. What this host sends to services leaves with it.
  public var host: IPAddress
  /// The services' ports there, of TCP and UDP: what reaches them is the services', not a socket's of the host's.
  public var hostPorts: [TransportProtocol: Set<UInt16>]
  /// Where real servers under FULLNAT answer to; routed to this host by the network around it.
  public var localAddress: IPAddress

  public init(
    network: IPPrefix, host: IPAddress, hostPorts: [TransportProtocol: Set<UInt16>] = [:], localAddress: IPAddress
  ) {
    self.network = network.network
    self.host = host
    self.hostPorts = hostPorts.filter { !$0.value.isEmpty }
    self.localAddress = localAddress
  }

  /// In a few words each: networks, addresses with their ports in ranges.
  public var words: [String] {
    var words = ["\(network)"]
    for (proto, name) in [(TransportProtocol.tcp, "tcp"), (.udp, "udp")] {
      for range in (hostPorts[proto] ?? []).ranges {
        let ports = range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"
        words.append("\(host):\(ports)/\(name)")
      }
    }
    return words + ["\(localAddress)"]
  }
}

extension Set<UInt16> {
  /// The numbers as ranges, ascending.
  fileprivate var ranges: [ClosedRange<UInt16>] {
    var ranges: [ClosedRange<UInt16>] = []
    for number in sorted() {
      if let last = ranges.last, last.upperBound &+ 1 == number {
        ranges[ranges.count - 1] = last.lowerBound...number
      } else {
        ranges.append(number...number)
      }
    }
    return ranges
  }
}
