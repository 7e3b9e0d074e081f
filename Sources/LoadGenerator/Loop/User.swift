import Glibc
import HTTPWire

/// One user: a connection of its own, and at most one request under way.
///
/// Only its loop's thread touches it, and nothing holds one of its properties while it changes another: checking that
/// at run time would cost each request as much as reading its response.
final class User {
  enum Link { case none, connecting, securing, open }

  let slot: Int
  let userClass: Int
  let identity: [UInt8]
  /// Changes with each thing a user waits for, so that alarms of earlier ones are void; no other user has it.
  @exclusivity(unchecked) var round: UInt64 = 0
  /// Counts connections, so that events of earlier ones are void.
  @exclusivity(unchecked) var generation: UInt32 = 0

  @exclusivity(unchecked) var link = Link.none
  @exclusivity(unchecked) var socket: CInt = -1
  @exclusivity(unchecked) var tls: TLSSession?
  @exclusivity(unchecked) var http2: HTTP2Session?
  @exclusivity(unchecked) var addressIndex = 0
  @exclusivity(unchecked) var requestsOnConnection = 0
  /// Bytes that the socket did not take yet.
  @exclusivity(unchecked) var output: [UInt8] = []
  @exclusivity(unchecked) var written = 0
  @exclusivity(unchecked) var parser = ResponseParser()

  /// The task of the request under way, -1 for none.
  @exclusivity(unchecked) var task = -1
  /// When it should have been sent, and when it was.
  @exclusivity(unchecked) var planned: UInt64 = 0
  @exclusivity(unchecked) var began: UInt64 = 0
  @exclusivity(unchecked) var counter: UInt64 = 0
  @exclusivity(unchecked) var retried = false
  /// Connections that failed one after another.
  @exclusivity(unchecked) var failedConnections = 0
  /// Goes when its request has ended.
  @exclusivity(unchecked) var isLeaving = false

  init(slot: Int, userClass: Int, identity: [UInt8]) {
    self.slot = slot
    self.userClass = userClass
    self.identity = identity
  }

  deinit { if socket >= 0 { Glibc.close(socket) } }

  var isBusy: Bool { task >= 0 }

  var key: UInt64 { UInt64(generation) << 32 | UInt64(slot) }

  func disconnect() {
    guard socket >= 0 else { return }
    tls = nil
    http2 = nil
    Glibc.close(socket)
    socket = -1
    link = .none
    if !output.isEmpty { output.removeAll(keepingCapacity: true) }
    written = 0
    requestsOnConnection = 0
    generation &+= 1
  }
}
