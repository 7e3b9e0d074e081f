/// The head of an iperf3 datagram: when it was sent, and which one it is, from 1. Big-endian.
public struct DatagramHead: Hashable, Sendable {
  public var seconds: UInt32
  public var microseconds: UInt32
  public var number: UInt64

  public init(seconds: UInt32, microseconds: UInt32, number: UInt64) {
    self.seconds = seconds
    self.microseconds = microseconds
    self.number = number
  }

  public static func length(isWide: Bool) -> Int { isWide ? 16 : 12 }

  /// Reads it, if that many octets came.
  public init?(_ bytes: UnsafeRawBufferPointer, isWide: Bool) {
    guard bytes.count >= Self.length(isWide: isWide) else { return nil }
    seconds = UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt32.self))
    microseconds = UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
    number =
      isWide
      ? UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
      : UInt64(UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self)))
  }

  /// Writes it to the beginning of a payload that is long enough.
  public func write(to bytes: UnsafeMutableRawBufferPointer, isWide: Bool) {
    bytes.storeBytes(of: seconds.bigEndian, toByteOffset: 0, as: UInt32.self)
    bytes.storeBytes(of: microseconds.bigEndian, toByteOffset: 4, as: UInt32.self)
    if isWide {
      bytes.storeBytes(of: number.bigEndian, toByteOffset: 8, as: UInt64.self)
    } else {
      bytes.storeBytes(of: UInt32(truncatingIfNeeded: number).bigEndian, toByteOffset: 8, as: UInt32.self)
    }
  }
}

/// What the two sides of a UDP stream say before the test, in the byte order of little-endian machines.
public enum DatagramGreeting {
  public static let hello = Array("9876".utf8)
  public static let answer = Array("6789".utf8)
  /// 987654321, which iperf3 before 3.7 answered.
  public static let oldAnswer: [UInt8] = [0xb1, 0x68, 0xde, 0x3a]
}

/// Loss, disorder and jitter of the datagrams of one stream.
///
/// A gap counts as lost; a datagram that comes late is one lost less and one out of order. Jitter is that of RFC 3550,
/// section 6.4.1; both clocks' offset drops out of it.
public struct DatagramAccount: Hashable, Sendable {
  /// The highest number seen.
  public private(set) var packets: UInt64 = 0
  public private(set) var lost: Int64 = 0
  public private(set) var outOfOrder: UInt64 = 0
  /// Seconds.
  public private(set) var jitter: Double = 0
  private var lastTransit: Double?

  public init() {}

  public mutating func take(_ head: DatagramHead, arrivedSeconds: UInt32, microseconds: UInt32) {
    // No test has so many: a number of somebody who means harm.
    if head.number > packets, head.number &- packets > 1 << 40 { return }
    if head.number > packets {
      lost &+= Int64(clamping: head.number &- packets &- 1)
      packets = head.number
    } else {
      outOfOrder &+= 1
      if lost > 0 { lost &-= 1 }
    }
    let seconds = Double(Int64(arrivedSeconds) - Int64(head.seconds))
    let transit = seconds + Double(Int64(microseconds) - Int64(head.microseconds)) / 1_000_000
    let difference = abs(transit - (lastTransit ?? transit))
    lastTransit = transit
    jitter += (difference - jitter) / 16
  }
}
