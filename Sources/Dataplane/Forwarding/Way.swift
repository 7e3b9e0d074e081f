import DataplaneTypes

/// Which way a packet leaves: the hop as a connection remembers it, and what only the kernel's way needs.
public struct Way {
  public enum Kind: UInt8 {
    /// Not known yet; the value of a new connection.
    case unknown = 0
    /// To a device that takes redirected frames.
    case redirect
    /// Through the kernel: the device takes none, or the neighbour is not resolved.
    case handover
    /// As `handover`, in fragments.
    case fragmenting
    /// To this very host, or nowhere.
    case notForwarded
    case unreachable
    /// To a socket of this very host, translated.
    case local
  }

  public var kind = Kind.unknown
  public var hop = svs_hop(ifindex: 0, tick: 0, macs: .zero, mtu: 0, kind_vlan: 0)
  public var nextHop = svs_addr.zero
  public var nextHopFamily: UInt8 = 0

  @inlinable @inline(__always) public init() {}
}

extension svs_hop {
  /// Whether this is a look-up that still serves: of a device that takes redirected frames, and not too old.
  @inlinable @inline(__always)
  func isFresh(at now: UInt32) -> Bool {
    kind_vlan >> 12 == UInt16(Way.Kind.redirect.rawValue) && now &- tick < Freshness.ticks
  }

  /// VLAN id to tag the frame with; 0 for none.
  @inlinable var vlan: UInt16 { @inline(__always) get { kind_vlan & 0xfff } }
}

extension Way {
  /// Where a connection remembers its hop.
  @inlinable @inline(__always)
  static func hop(_ c: UnsafeMutablePointer<svs_connection>, _ fromServer: Bool) -> UnsafeMutablePointer<svs_hop> {
    fromServer ? c.pointer(to: \.to_client).unsafelyUnwrapped : c.pointer(to: \.to_server).unsafelyUnwrapped
  }

  /// Remembers a look-up. A way through the kernel is asked for anew by every packet: it is slow anyway.
  @inlinable @inline(__always)
  func remember(_ memory: UnsafeMutablePointer<svs_hop>) {
    if kind == .redirect { memory.pointee = hop } else { memory.pointee.kind_vlan = 0 }
  }

  /// Asks the routing and neighbour tables, and what the device can do.
  @inlinable @inline(__always)
  mutating func find<P: Platform>(_ query: inout RouteQuery, now tick: UInt32, _ platform: P) {
    platform.route(&query)
    switch query.outcome {
    case .notForwarded: kind = .notForwarded
    case .unreachable: kind = .unreachable
    case .resolved, .unresolved:
      kind = .handover
      hop.ifindex = query.ifindex
      hop.tick = tick
      hop.mtu = query.mtu
      nextHop = query.nextHop
      nextHopFamily = query.nextHopFamily
      guard query.outcome == .resolved else { return }
      hop.macs = svs_macs(destination: query.destinationMAC, source: query.sourceMAC)
      guard let device = platform.devices.find(query.ifindex),
        device.pointee.flags & UInt32(SVS_DEVICE_REDIRECT) != 0
      else { return }
      kind = .redirect
      hop.ifindex = device.pointee.lower
      hop.kind_vlan = UInt16(Kind.redirect.rawValue) << 12
      if device.pointee.flags & UInt32(SVS_DEVICE_TAGGED) != 0 { hop.kind_vlan |= device.pointee.vlan & 0xfff }
    }
  }

  /// Whether the frame leaves by the hand-over pair.
  @inlinable var isByKernel: Bool { @inline(__always) get { kind == .handover || kind == .fragmenting } }

  /// Leaves by the kernel after all, by the device that the route names.
  @inlinable @inline(__always)
  mutating func giveToKernel(_ ifindex: UInt32) {
    kind = .handover
    hop.ifindex = ifindex
    hop.kind_vlan = 0
  }
}

/// How long a look-up serves: 60 ticks, one second. A route or a MAC that changes is followed after that.
@usableFromInline enum Freshness {
  @inlinable static var ticks: UInt32 { 60 }
}
