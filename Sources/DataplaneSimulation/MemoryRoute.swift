import Dataplane
import DataplaneTypes

/// A route of the platform in memory; the last one that matches decides.
public struct MemoryRoute {
  public var family: UInt8
  public var prefix: svs_addr
  public var length: Int
  public var outcome: RouteQuery.Outcome
  public var ifindex: UInt32
  public var mtu: UInt16
  public var destinationMAC: svs_mac
  public var sourceMAC: svs_mac
  /// Nil where the destination is on the link.
  public var gateway: svs_addr?

  public init(
    family: UInt8, prefix: svs_addr, length: Int, outcome: RouteQuery.Outcome = .resolved, ifindex: UInt32 = 0,
    mtu: UInt16 = 1500, destinationMAC: svs_mac = svs_mac(), sourceMAC: svs_mac = svs_mac(), gateway: svs_addr? = nil
  ) {
    self.family = family
    self.prefix = prefix
    self.length = length
    self.outcome = outcome
    self.ifindex = ifindex
    self.mtu = mtu
    self.destinationMAC = destinationMAC
    self.sourceMAC = sourceMAC
    self.gateway = gateway
  }

  func matches(_ query: RouteQuery) -> Bool {
    guard query.family == family else { return false }
    let wanted = [prefix.w0, prefix.w1, prefix.w2, prefix.w3].map(UInt32.init(bigEndian:))
    let asked = [query.destination.w0, query.destination.w1, query.destination.w2, query.destination.w3]
      .map(UInt32.init(bigEndian:))
    var left = length
    for (a, b) in zip(wanted, asked) where left > 0 {
      let bits = min(left, 32)
      if (a ^ b) >> UInt32(32 - bits) != 0 { return false }
      left -= bits
    }
    return true
  }

  func answer(_ query: inout RouteQuery) {
    query.outcome = outcome
    guard outcome == .resolved || outcome == .unresolved else { return }
    query.ifindex = ifindex
    query.nextHop = gateway ?? query.destination
    query.nextHopFamily = query.family
    query.sourceMAC = sourceMAC
    guard outcome == .resolved else { return }
    query.mtu = mtu
    query.destinationMAC = destinationMAC
  }
}
