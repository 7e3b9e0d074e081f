import DataplaneTypes

/// Which way a packet leaves.
public struct Way {
  public enum Kind: UInt8 {
    /// Not known yet; the value of a new connection.
    case unknown = 0
    /// To a device that takes redirected frames.
    case redirect
    /// Through the kernel: the device takes none, or the neighbour is not resolved.
    case handover
    /// To this very host, or nowhere.
    case notForwarded
    case unreachable
  }

  public var kind = Kind.unknown
  public var ifindex: UInt32 = 0
  public var destination = svs_mac()
  public var source = svs_mac()
  public var mtu: UInt16 = 0
  /// VLAN id to tag the frame with; 0 for none.
  public var vlan: UInt16 = 0
  public var nextHop = svs_addr()
  public var nextHopFamily: UInt8 = 0

  @inlinable @inline(__always) public init() {}
}

extension Way {
  /// Takes the connection's own look-up, if there is one and it is fresh.
  @inlinable @inline(__always)
  mutating func take(_ hop: UnsafeMutablePointer<svs_hop>, now tick: UInt32) -> Bool {
    if hop.pointee.kind_vlan >> 12 != UInt16(Kind.redirect.rawValue) { return false }
    if tick &- hop.pointee.tick >= Freshness.ticks { return false }
    kind = .redirect
    ifindex = hop.pointee.ifindex
    destination = hop.pointee.dst
    source = hop.pointee.src
    mtu = hop.pointee.mtu
    vlan = hop.pointee.kind_vlan & 0xfff
    return true
  }

  @inlinable @inline(__always)
  static func hop(_ c: UnsafeMutablePointer<svs_connection>, _ fromServer: Bool) -> UnsafeMutablePointer<svs_hop> {
    fromServer ? c.pointer(to: \.to_client).unsafelyUnwrapped : c.pointer(to: \.to_server).unsafelyUnwrapped
  }

  /// Remembers a look-up. A way through the kernel is asked for anew by every packet: it is slow anyway.
  @inlinable @inline(__always)
  func remember(_ hop: UnsafeMutablePointer<svs_hop>, now tick: UInt32) {
    guard kind == .redirect else {
      hop.pointee.kind_vlan = 0
      return
    }
    hop.pointee.ifindex = ifindex
    hop.pointee.tick = tick
    hop.pointee.dst = destination
    hop.pointee.src = source
    hop.pointee.mtu = mtu
    hop.pointee.kind_vlan = UInt16(kind.rawValue) << 12 | vlan & 0xfff
  }

  /// Asks the routing and neighbour tables, and what the device can do.
  @inlinable @inline(__always)
  mutating func find<P: Platform>(_ query: inout RouteQuery, _ platform: P) {
    platform.route(&query)
    switch query.outcome {
    case .notForwarded: kind = .notForwarded
    case .unreachable: kind = .unreachable
    case .resolved, .unresolved:
      kind = .handover
      ifindex = query.ifindex
      mtu = query.mtu
      nextHop = query.nextHop
      nextHopFamily = query.nextHopFamily
      vlan = 0
      guard query.outcome == .resolved else { return }
      destination = query.destinationMAC
      source = query.sourceMAC
      guard let device = platform.devices.find(query.ifindex),
        device.pointee.flags & UInt32(SVS_DEVICE_REDIRECT) != 0
      else { return }
      kind = .redirect
      ifindex = device.pointee.lower
      if device.pointee.flags & UInt32(SVS_DEVICE_TAGGED) != 0 { vlan = device.pointee.vlan }
    }
  }
}

/// How long a look-up serves: 60 ticks, one second. A route or a MAC that changes is followed after that.
@usableFromInline enum Freshness {
  @inlinable static var ticks: UInt32 { 60 }
}
