import DataplaneTypes

/// The one word of a connection that changes: expiry tick, generation, flags and state, moved by compare-and-swap.
///
/// `expiry << 32 | generation << 8 | dead 0x80 | inactive 0x40 | state`; 0 is a free slot.
public struct StateWord {
  public var bits: UInt64

  @inlinable @inline(__always) public init(bits: UInt64) { self.bits = bits }

  @inlinable @inline(__always)
  public init(expiry: UInt32, generation: UInt32, state: UInt8, inactive: Bool) {
    bits =
      UInt64(expiry) << 32 | UInt64(generation & 0xff_ffff) << 8 | UInt64(state & 15)
      | (inactive ? Self.inactiveBit : 0)
  }

  @inlinable static var deadBit: UInt64 { 0x80 }
  @inlinable static var inactiveBit: UInt64 { 0x40 }

  @inlinable public var expiry: UInt32 { @inline(__always) get { UInt32(truncatingIfNeeded: bits >> 32) } }
  @inlinable public var generation: UInt32 {
    @inline(__always) get { UInt32(truncatingIfNeeded: bits >> 8) & 0xff_ffff }
  }
  @inlinable public var state: UInt8 { @inline(__always) get { UInt8(truncatingIfNeeded: bits) & 15 } }
  @inlinable public var isInactive: Bool { @inline(__always) get { bits & Self.inactiveBit != 0 } }
  @inlinable public var isDead: Bool { @inline(__always) get { bits & Self.deadBit != 0 } }
  @inlinable public var isFree: Bool { @inline(__always) get { bits == 0 } }

  @inlinable @inline(__always) public var dead: StateWord { StateWord(bits: bits | Self.deadBit) }
  @inlinable @inline(__always) public var alive: StateWord { StateWord(bits: bits & ~Self.deadBit) }

  /// Whether the connection's time has come; ticks are compared by their difference, so they may wrap.
  @inlinable @inline(__always)
  public func hasExpired(at tick: UInt32) -> Bool {
    Int32(bitPattern: tick &- expiry) >= 0
  }
}

/// What the flow table holds: a slot, the generation it must have, and the direction the packet travels in.
public struct FlowReference {
  public var bits: UInt64

  @inlinable @inline(__always) public init(_ reference: svs_flow_ref) { bits = reference.bits }

  @inlinable public static var none: FlowReference { @inline(__always) get { FlowReference(svs_flow_ref(bits: 0)) } }

  @inlinable @inline(__always)
  public init(slot: UInt32, generation: UInt32, fromServer: Bool) {
    bits = UInt64(slot) << 32 | UInt64(generation & 0xff_ffff) << 8 | (fromServer ? 1 : 0)
  }

  @inlinable public var slot: UInt32 { @inline(__always) get { UInt32(truncatingIfNeeded: bits >> 32) } }
  @inlinable public var generation: UInt32 {
    @inline(__always) get { UInt32(truncatingIfNeeded: bits >> 8) & 0xff_ffff }
  }
  @inlinable public var fromServer: Bool { @inline(__always) get { bits & 1 != 0 } }
}
