import SocketDataplaneTypes

/// What becomes of an address that a program addresses.
public enum SocketVerdict: UInt32 {
  /// It is nobody's service, or the socket is of no concern.
  case leave = 0
  /// It has become an endpoint's.
  case translate = 1
  /// The service has no endpoint.
  case refuse = 2
}

/// The translation of services where programs name addresses: connect(2), sendmsg(2), recvmsg(2), getpeername(2).
public struct SocketTranslation<Platform: SocketPlatform> {
  @usableFromInline let platform: Platform

  @inlinable @inline(__always)
  public init(_ platform: Platform) { self.platform = platform }

  /// A socket connects, of TCP or UDP: it gets an endpoint of its own.
  @inlinable @inline(__always)
  public func connect(_ address: UnsafeMutablePointer<svs_sock_address>) -> SocketVerdict {
    let network = platform.networkCookie
    guard platform.isPlace(network) else { return .leave }
    var number: UInt32 = 0
    guard find(address, &number), let service = platform.service(number) else {
      // A datagram socket may have been connected to a service before.
      if address.pointee.protocol == 17, platform.peer != nil { platform.forgetPeer() }
      return .leave
    }
    var memory = svs_sock_memory(endpoint: 0, serial: 0, used_ns: 0)
    guard EndpointChoice(platform, network).choose(number, service, &memory),
      let endpoint = platform.endpoint(memory.endpoint)
    else { return refuse(service) }
    count(service, endpoint)
    if let peer = platform.makePeer() {
      peer.pointee.service = address.pointee
      peer.pointee.endpoint = endpoint.pointee.address
    }
    address.pointee = endpoint.pointee.address
    return .translate
  }

  /// A socket that is not connected sends a datagram: it keeps the service's endpoint as long as that is one.
  @inlinable @inline(__always)
  public func send(_ address: UnsafeMutablePointer<svs_sock_address>) -> SocketVerdict {
    let network = platform.networkCookie
    guard platform.isPlace(network) else { return .leave }
    var number: UInt32 = 0
    guard find(address, &number), let service = platform.service(number) else { return .leave }
    let cookie = platform.socketCookie
    var owner = svs_sock_owner(cookie: cookie, service: number, zero: 0)
    var memory = svs_sock_memory(endpoint: 0, serial: 0, used_ns: 0)
    var isKept = false
    if let known = platform.sender(&owner) {
      memory = known.pointee
      isKept = EndpointChoice(platform, network).isMember(number, memory)
    }
    if !isKept {
      guard EndpointChoice(platform, network).choose(number, service, &memory) else { return refuse(service) }
      platform.setSender(&owner, &memory)
    }
    guard let endpoint = platform.endpoint(memory.endpoint) else { return refuse(service) }
    if !isKept { count(service, endpoint) }
    remember(cookie, endpoint, address)
    address.pointee = endpoint.pointee.address
    return .translate
  }

  /// A datagram came from this address: true if a program that addressed a service is to see that instead.
  @inlinable @inline(__always)
  public func receive(_ address: UnsafeMutablePointer<svs_sock_address>) -> Bool {
    guard platform.isPlace(platform.networkCookie) else { return false }
    if restorePeer(address) { return true }
    var source = svs_sock_source(cookie: platform.socketCookie, address: address.pointee, zero: 0)
    guard let addressed = platform.source(&source) else { return false }
    address.pointee = addressed.pointee
    return true
  }

  /// A program asks whom its socket is connected to: true if that is a service.
  @inlinable @inline(__always)
  public func peerName(_ address: UnsafeMutablePointer<svs_sock_address>) -> Bool {
    guard platform.isPlace(platform.networkCookie) else { return false }
    return restorePeer(address)
  }

  // MARK: Steps

  @inlinable @inline(__always)
  func find(_ address: UnsafeMutablePointer<svs_sock_address>, _ number: inout UInt32) -> Bool {
    guard let entry = platform.entry(address) else { return false }
    let word = platform.readOnce(entry)
    number = UInt32(truncatingIfNeeded: word)
    return ServiceEntry.isOf(word, address)
  }

  @inlinable @inline(__always)
  func count(
    _ service: UnsafeMutablePointer<svs_sock_service>, _ endpoint: UnsafeMutablePointer<svs_sock_endpoint>
  ) {
    service.pointer(to: \.connections).unsafelyUnwrapped.increment()
    endpoint.pointer(to: \.connections).unsafelyUnwrapped.increment()
  }

  @inlinable @inline(__always)
  func refuse(_ service: UnsafeMutablePointer<svs_sock_service>) -> SocketVerdict {
    service.pointer(to: \.refusals).unsafelyUnwrapped.increment()
    return .refuse
  }

  /// Notes what to show for an endpoint's answers, where that is not noted yet or has given way to something else.
  @inlinable @inline(__always)
  func remember(
    _ cookie: UInt64, _ endpoint: UnsafeMutablePointer<svs_sock_endpoint>,
    _ address: UnsafeMutablePointer<svs_sock_address>
  ) {
    var source = svs_sock_source(cookie: cookie, address: endpoint.pointee.address, zero: 0)
    if let known = platform.source(&source), isSame(known, address) { return }
    platform.setSource(&source, address)
  }

  @inlinable @inline(__always)
  func restorePeer(_ address: UnsafeMutablePointer<svs_sock_address>) -> Bool {
    guard let peer = platform.peer else { return false }
    guard isSame(peer.pointer(to: \.endpoint).unsafelyUnwrapped, address) else { return false }
    address.pointee = peer.pointee.service
    return true
  }

  @inlinable @inline(__always)
  func isSame(
    _ a: UnsafeMutablePointer<svs_sock_address>, _ b: UnsafeMutablePointer<svs_sock_address>
  ) -> Bool {
    a.pointee.words.3 == b.pointee.words.3 && a.pointee.words.2 == b.pointee.words.2
      && a.pointee.words.1 == b.pointee.words.1 && a.pointee.words.0 == b.pointee.words.0
      && a.pointee.port == b.pointee.port && a.pointee.protocol == b.pointee.protocol
  }
}
