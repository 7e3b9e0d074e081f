/// States of a connection, numbered as IPVS numbers them; UDP has one of its own.
public enum State {
  @inlinable public static var none: UInt8 { 0 }
  @inlinable public static var established: UInt8 { 1 }
  @inlinable public static var synSent: UInt8 { 2 }
  @inlinable public static var synReceived: UInt8 { 3 }
  @inlinable public static var finWait: UInt8 { 4 }
  @inlinable public static var timeWait: UInt8 { 5 }
  @inlinable public static var closed: UInt8 { 6 }
  @inlinable public static var closeWait: UInt8 { 7 }
  @inlinable public static var lastAck: UInt8 { 8 }
  @inlinable public static var listen: UInt8 { 9 }
  @inlinable public static var synAck: UInt8 { 10 }
  @inlinable public static var udp: UInt8 { 11 }
  /// UDP whose server is to get no more: over as soon as its client pauses.
  @inlinable public static var udpDraining: UInt8 { 12 }

  /// Seconds that a connection stays in each state without a packet, in the order above.
  @inlinable public static func defaultTimeout(_ state: UInt8) -> UInt32 {
    switch state {
    case established: 900
    case synSent, finWait, timeWait, listen, synAck: 120
    case synReceived, closeWait: 60
    case closed, udpDraining: 10
    case lastAck: 30
    case udp: 300
    default: 2
    }
  }

  /// The states that count as ActiveConn: ESTABLISHED, SYN_SENT, SYN_RECV and SYNACK.
  @inlinable @inline(__always)
  public static func isActive(_ state: UInt8) -> Bool {
    (UInt32(0b100_0000_1110) >> UInt32(state & 15)) & 1 != 0
  }
}

/// The director's view of a TCP connection: of both directions under NAT, of the client's alone under DR and TUN.
///
/// A row says, for one event, where each state goes: the next state of state n stands in hexadecimal digit n from
/// the right. Of several flags the first of RST, SYN, FIN, ACK decides. The rows are what the real IPVS was recorded to do.
public enum TCPStateMachine {
  @inlinable @inline(__always)
  public static func next(_ state: UInt8, _ flags: TCPFlags, fromServer: Bool, inputOnly: Bool) -> UInt8 {
    let row: UInt64
    if flags.isDisjointFromRSTSYNFIN {
      // Most segments; one without even ACK is no TCP, and IPVS gives its connection up.
      row = flags.contains(.ack) ? 0x196_7654_1211 : 0x666_6666_6666
    } else if fromServer {
      row = fromServerRow(flags)
    } else {
      row = inputOnly ? inputOnlyRow(flags) : fromClientRow(flags)
    }
    return UInt8(truncatingIfNeeded: row >> (UInt64(state & 15) &* 4)) & 15
  }

  // Digit:        10 9 8 7 6 5 4 3 2 1 0
  // State:        SA LI LA CW CL TW FW SR SS ES NO

  @inlinable @inline(__always)
  static func fromClientRow(_ flags: TCPFlags) -> UInt64 {
    if flags.contains(.rst) { return 0x698_6666_3666 }
    if flags.contains(.syn) { return 0x333_3333_3113 }
    return 0x598_7655_5276
  }

  @inlinable @inline(__always)
  static func fromServerRow(_ flags: TCPFlags) -> UInt64 {
    if flags.contains(.rst) { return 0x698_6656_6266 }
    if flags.contains(.syn) { return 0x322_2222_3212 }
    return 0x598_5654_5245
  }

  @inlinable @inline(__always)
  static func inputOnlyRow(_ flags: TCPFlags) -> UInt64 {
    if flags.contains(.rst) { return 0x698_6666_3666 }
    if flags.contains(.syn) { return 0x333_3333_3113 }
    return 0x598_7654_5246
  }
}
