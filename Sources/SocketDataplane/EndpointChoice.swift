import SocketDataplaneTypes

/// Which endpoint of a service a client gets: round robin, or the one it had where the service has affinity.
@usableFromInline struct EndpointChoice<Platform: SocketPlatform> {
  @usableFromInline let platform: Platform
  /// The client: what kube-proxy goes by its address is a namespace here.
  @usableFromInline let client: UInt64

  @inlinable @inline(__always)
  init(_ platform: Platform, _ client: UInt64) {
    self.platform = platform
    self.client = client
  }

  /// False where the service has no endpoint.
  @inlinable @inline(__always)
  func choose(
    _ number: UInt32, _ service: UnsafeMutablePointer<svs_sock_service>, _ memory: inout svs_sock_memory
  ) -> Bool {
    let list = platform.readOnce(service.pointer(to: \.list).unsafelyUnwrapped)
    guard EndpointList.count(list) != 0 else { return false }
    let seconds = service.pointee.affinity_seconds
    guard seconds != 0 else { return pick(service, list, &memory) }
    var owner = svs_sock_owner(cookie: client, service: number, zero: 0)
    let now = platform.now()
    var isKnown = false
    if let known = platform.affinity(&owner) {
      isKnown = true
      memory = known.pointee
      // Another processor may have written a moment that is later than ours.
      let age = Int64(bitPattern: now &- memory.used_ns)
      if age < Int64(bitPattern: UInt64(seconds) &* 1_000_000_000), isMember(number, memory) {
        memory.used_ns = now
        _ = platform.setAffinity(&owner, &memory, replace: true)
        return true
      }
    }
    guard pick(service, list, &memory) else { return false }
    memory.used_ns = now
    if platform.setAffinity(&owner, &memory, replace: isKnown) { return true }
    // The client's first connections come at once, and another one was quicker: its choice holds.
    if let other = platform.affinity(&owner) {
      let quicker = other.pointee
      if isMember(number, quicker) { memory = quicker }
    }
    return true
  }

  /// The next in turn: with n endpoints, n choices in a row are all of them.
  @inlinable @inline(__always)
  func pick(
    _ service: UnsafeMutablePointer<svs_sock_service>, _ list: UInt64, _ memory: inout svs_sock_memory
  ) -> Bool {
    let count = UInt64(EndpointList.count(list))
    guard count != 0 else { return false }
    let turn = service.pointer(to: \.turn).unsafelyUnwrapped.fetchAdd(1)
    let place = EndpointList.first(list) &+ UInt32(truncatingIfNeeded: turn % count)
    guard let slot = platform.slot(place) else { return false }
    memory.endpoint = UInt32(truncatingIfNeeded: slot.pointee)
    guard let endpoint = platform.endpoint(memory.endpoint) else { return false }
    memory.serial = endpoint.pointee.serial
    return true
  }

  /// Whether a remembered endpoint is one of the service's still.
  @inlinable @inline(__always)
  func isMember(_ number: UInt32, _ memory: svs_sock_memory) -> Bool {
    guard memory.serial != 0, let endpoint = platform.endpoint(memory.endpoint) else { return false }
    return endpoint.pointee.serial == memory.serial && endpoint.pointee.service == number
  }
}
