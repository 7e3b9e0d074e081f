import SocketDataplaneTypes

/// What the translation of sockets stands on: its tables, its clock, and the socket that asks.
///
/// Two of them exist: the kernel's maps and helpers, and memory. Every decision is made above this line.
public protocol SocketPlatform {
  /// Of the network namespace that the socket belongs to.
  var networkCookie: UInt64 { get }
  /// Of the socket itself.
  var socketCookie: UInt64 { get }
  /// Nanoseconds since boot.
  func now() -> UInt64

  /// Whether sockets of this namespace are translated.
  func isPlace(_ cookie: UInt64) -> Bool
  func entry(_ address: UnsafePointer<svs_sock_address>) -> UnsafeMutablePointer<UInt64>?
  func service(_ number: UInt32) -> UnsafeMutablePointer<svs_sock_service>?
  /// The number of the endpoint in a slot, in 64 bits.
  func slot(_ number: UInt32) -> UnsafeMutablePointer<UInt64>?
  func endpoint(_ number: UInt32) -> UnsafeMutablePointer<svs_sock_endpoint>?

  /// Clients and their endpoints. What has not been used for longest gives way, in the next two as well.
  func affinity(_ owner: UnsafePointer<svs_sock_owner>) -> UnsafeMutablePointer<svs_sock_memory>?
  /// False if there is one already and it may not be replaced.
  func setAffinity(
    _ owner: UnsafePointer<svs_sock_owner>, _ memory: UnsafePointer<svs_sock_memory>, replace: Bool
  ) -> Bool
  /// Sockets that send to many, and their endpoints.
  func sender(_ owner: UnsafePointer<svs_sock_owner>) -> UnsafeMutablePointer<svs_sock_memory>?
  func setSender(_ owner: UnsafePointer<svs_sock_owner>, _ memory: UnsafePointer<svs_sock_memory>)
  /// What such a socket addressed to get datagrams from there.
  func source(_ source: UnsafePointer<svs_sock_source>) -> UnsafeMutablePointer<svs_sock_address>?
  func setSource(_ source: UnsafePointer<svs_sock_source>, _ address: UnsafePointer<svs_sock_address>)

  /// What the socket was connected to, if it was translated.
  var peer: UnsafeMutablePointer<svs_sock_peer>? { get }
  /// The same, made if there is none; nil when memory is short.
  func makePeer() -> UnsafeMutablePointer<svs_sock_peer>?
  func forgetPeer()

  /// Reads a word once that others write.
  func readOnce(_ word: UnsafePointer<UInt64>) -> UInt64
}
