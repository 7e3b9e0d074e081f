import SocketDataplaneTypes

/// What an address leads to, in one word: the service's number, and above it an echo of the address.
///
/// The kernel gives a removed element of a hash map to the next one that is put there, without waiting for those who
/// look at it. The echo tells them.
public enum ServiceEntry {
  @inlinable @inline(__always)
  public static func word(_ service: UInt32, at address: UnsafePointer<svs_sock_address>) -> UInt64 {
    UInt64(echo(address)) << 32 | UInt64(service)
  }

  @inlinable @inline(__always)
  public static func echo(_ address: UnsafePointer<svs_sock_address>) -> UInt32 {
    let words = address.pointee.words
    let place = UInt32(address.pointee.port) | UInt32(address.pointee.protocol) << 16
    return words.0 ^ words.1 &* 3 ^ words.2 &* 5 ^ words.3 ^ place &* 0x9E37_79B1
  }

  /// The service's number, if the word is this address's.
  @inlinable @inline(__always)
  public static func isOf(_ word: UInt64, _ address: UnsafePointer<svs_sock_address>) -> Bool {
    UInt32(truncatingIfNeeded: word >> 32) == echo(address)
  }
}

/// A service's endpoints in one word, so that a reader has all of a list or none of it.
public enum EndpointList {
  @inlinable @inline(__always)
  public static func word(first: UInt32, count: UInt32) -> UInt64 { UInt64(first) << 32 | UInt64(count) }

  @inlinable @inline(__always)
  public static func first(_ word: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: word >> 32) }

  @inlinable @inline(__always)
  public static func count(_ word: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: word) }
}
