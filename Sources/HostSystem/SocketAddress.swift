import Glibc

/// An address and a port, of IPv4 or IPv6, as the kernel takes them.
public struct SocketAddress: Sendable {
  private var storage = sockaddr_storage()
  public private(set) var length = socklen_t(MemoryLayout<sockaddr_storage>.size)

  /// What getsockname(2), getpeername(2) or recvfrom(2) fill in; nil where they fail.
  public init?(_ fill: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Bool) {
    var size = length
    let isFilled = withUnsafeMutablePointer(to: &storage) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { fill($0, &size) }
    }
    guard isFilled else { return nil }
    length = size
  }

  /// A copy of one that C keeps; nil where it is longer than any address.
  public init?(_ address: UnsafePointer<sockaddr>?, length: socklen_t) {
    guard let address, length <= MemoryLayout<sockaddr_storage>.size else { return nil }
    self.length = length
    withUnsafeMutableBytes(of: &storage) {
      $0.copyMemory(from: UnsafeRawBufferPointer(start: address, count: Int(length)))
    }
  }

  /// This side's address of a socket.
  public static func local(of number: CInt) -> SocketAddress? { SocketAddress { getsockname(number, $0, $1) == 0 } }
  /// The other side's.
  public static func peer(of number: CInt) -> SocketAddress? { SocketAddress { getpeername(number, $0, $1) == 0 } }

  /// Why a host has no address (gai_strerror(3)).
  public struct LookupFailure: Error, Hashable, Sendable {
    public var host: String
    public var code: CInt
    public var reason: String
  }

  /// The addresses of a host, in the order in which they should be tried (getaddrinfo(3)).
  ///
  /// - Parameters:
  ///   - host: none for every address of this host, to listen on. With its link (fe80::1%eth0) where it needs one.
  ///   - family: `AF_UNSPEC`, `AF_INET` or `AF_INET6`.
  ///   - flags: of getaddrinfo(3), besides those that follow from the rest.
  public static func lookUp(
    _ host: String?, port: UInt16, family: CInt = AF_UNSPEC, isDatagram: Bool = false, flags: CInt = 0
  ) throws(LookupFailure) -> [SocketAddress] {
    var hints = addrinfo()
    hints.ai_family = family
    hints.ai_socktype = CInt(isDatagram ? SOCK_DGRAM.rawValue : SOCK_STREAM.rawValue)
    hints.ai_flags = flags | CInt(AI_NUMERICSERV) | (host == nil ? CInt(AI_PASSIVE) : 0)
    var list: UnsafeMutablePointer<addrinfo>?
    let code = getaddrinfo(host, String(port), &hints, &list)
    guard code == 0 else {
      let reason = code == EAI_SYSTEM ? String(cString: strerror(errno)) : String(cString: gai_strerror(code))
      throw LookupFailure(host: host ?? "this host", code: code, reason: reason)
    }
    defer { freeaddrinfo(list) }
    var addresses: [SocketAddress] = []
    var entry = list
    while let current = entry?.pointee {
      if let address = SocketAddress(current.ai_addr, length: current.ai_addrlen) { addresses.append(address) }
      entry = current.ai_next
    }
    return addresses
  }

  public var family: CInt { CInt(storage.ss_family) }
  public var isIPv6: Bool { family == AF_INET6 }

  public var port: UInt16 {
    get { withUnsafeBytes(of: storage) { UInt16(bigEndian: $0.loadUnaligned(fromByteOffset: 2, as: UInt16.self)) } }
    set {
      withUnsafeMutableBytes(of: &storage) { $0.storeBytes(of: newValue.bigEndian, toByteOffset: 2, as: UInt16.self) }
    }
  }

  /// The address in figures, without the port; IPv4 in IPv6 as IPv4.
  public var host: String {
    var buffer = [CChar](repeating: 0, count: 128)
    let code = withPointer { getnameinfo($0, $1, &buffer, socklen_t(buffer.count), nil, 0, NI_NUMERICHOST) }
    guard code == 0 else { return "?" }
    let text = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return text.hasPrefix("::ffff:") && text.contains(".") ? String(text.dropFirst(7)) : text
  }

  public func withPointer<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
    withUnsafePointer(to: storage) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
    }
  }
}
