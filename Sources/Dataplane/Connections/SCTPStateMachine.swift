import DataplaneTypes

/// States of an SCTP association, numbered as IPVS numbers them.
public enum SCTPState {
  @inlinable public static var none: UInt8 { 0 }
  @inlinable public static var initiated: UInt8 { 1 }
  @inlinable public static var established: UInt8 { 8 }
  @inlinable public static var rejected: UInt8 { 12 }
  @inlinable public static var closed: UInt8 { 13 }

  /// Ticks that an association stays in a state without a packet: 15 minutes, 4 seconds, or 61.
  @inlinable @inline(__always)
  public static func timeout(_ state: UInt8) -> UInt32 {
    let seconds: UInt64 = state == established ? 900 : state == initiated || state == rejected ? 4 : 61
    return UInt32(truncatingIfNeeded: (seconds &* 1_000_000_000) >> UInt64(SVS_TICK_SHIFT))
  }
}

/// The director's view of an SCTP association: of both directions under NAT, of the client's alone under DR and TUN.
///
/// As in `TCPStateMachine` a row says where each state goes, in the hexadecimal digit of the state's number from the
/// right. The rows are what the real IPVS was recorded to do; chunks without a row change nothing.
public enum SCTPStateMachine {
  @inlinable @inline(__always)
  public static func next(_ state: UInt8, _ chunk: UInt8, fromServer: Bool, inputOnly: Bool) -> UInt8 {
    let row = fromServer ? fromServerRow(chunk) : inputOnly ? inputOnlyRow(chunk) : fromClientRow(chunk)
    return UInt8(truncatingIfNeeded: row >> (UInt64(state & 15) &* 4)) & 15
  }

  @inlinable static var unmoved: UInt64 { 0xdc_ba98_7654_3210 }

  @inlinable @inline(__always)
  static func fromClientRow(_ chunk: UInt8) -> UInt64 {
    switch chunk {
    case SCTPChunk.initiation: 0x12_ba98_7654_3221
    case SCTPChunk.initiationAck: 0xdc_ba98_7664_3550
    case SCTPChunk.abort: 0xdd_dddd_ddcd_ddd0
    case SCTPChunk.shutdown: 0xdc_ba9a_7654_3210
    case SCTPChunk.shutdownAck: 0xdc_dad8_7654_3220
    case SCTPChunk.error: 0xdc_ba98_d654_3210
    case SCTPChunk.cookieEcho: 0xdc_ba98_7654_4220
    case SCTPChunk.cookieAck: 0xdc_ba98_8654_3210
    case SCTPChunk.shutdownComplete: 0xdc_da98_7654_3dd0
    default: unmoved
    }
  }

  @inlinable @inline(__always)
  static func fromServerRow(_ chunk: UInt8) -> UInt64 {
    switch chunk {
    case SCTPChunk.initiation: 0x55_5558_5555_5550
    case SCTPChunk.initiationAck: 0xdc_ba98_7654_3330
    case SCTPChunk.abort: 0xdd_dddd_dddd_ddc0
    case SCTPChunk.shutdown: 0xdc_ba99_9999_9990
    case SCTPChunk.shutdownAck: 0xdc_bbb8_765b_bbb0
    case SCTPChunk.error: 0xdc_ba98_765d_ddd0
    case SCTPChunk.cookieEcho: 0xdc_ba98_7777_7770
    case SCTPChunk.cookieAck: 0xdc_ba98_8888_8880
    default: unmoved
    }
  }

  @inlinable @inline(__always)
  static func inputOnlyRow(_ chunk: UInt8) -> UInt64 {
    switch chunk {
    case SCTPChunk.initiation: 0x1c_ba98_7654_3221
    case SCTPChunk.initiationAck: 0xdc_ba98_7654_3770
    case SCTPChunk.abort: 0xdc_bd9d_d654_3dd0
    case SCTPChunk.shutdown: 0xdc_ba9a_7654_3210
    case SCTPChunk.shutdownAck: 0xdc_ba9d_7654_3220
    case SCTPChunk.cookieEcho: 0xdc_ba98_7654_3880
    case SCTPChunk.cookieAck: 0xdc_ba98_8654_3210
    case SCTPChunk.shutdownComplete: 0xdc_bd98_7654_3dd0
    default: unmoved
    }
  }
}
