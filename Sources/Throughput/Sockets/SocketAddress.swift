import Glibc

/// An address and a port, of IPv4 or IPv6.
struct SocketAddress: Sendable {
  private var storage = sockaddr_storage()
  private(set) var length = socklen_t(MemoryLayout<sockaddr_storage>.size)

  private init() {}

  /// What getsockname(2), getpeername(2) or recvfrom(2) fill in.
  init?(_ fill: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Bool) {
    self.init()
    var size = length
    let isFilled = withUnsafeMutablePointer(to: &storage) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { fill($0, &size) }
    }
    guard isFilled else { return nil }
    length = size
  }

  static func local(of number: CInt) -> SocketAddress? { SocketAddress { getsockname(number, $0, $1) == 0 } }
  static func peer(of number: CInt) -> SocketAddress? { SocketAddress { getpeername(number, $0, $1) == 0 } }

  /// The addresses of a host, in the order in which they should be tried (getaddrinfo(3)).
  ///
  /// - Parameter host: none for every address of this host, to listen on.
  static func resolve(
    _ host: String?, port: UInt16, family: CInt, isDatagram: Bool = false
  ) throws(ThroughputError) -> [SocketAddress] {
    var hints = addrinfo()
    hints.ai_family = family
    hints.ai_socktype = CInt(isDatagram ? SOCK_DGRAM.rawValue : SOCK_STREAM.rawValue)
    hints.ai_flags = host == nil ? AI_PASSIVE : 0
    var list: UnsafeMutablePointer<addrinfo>?
    // An address with its link (fe80::1%eth0) is getaddrinfo's to take apart.
    let code = getaddrinfo(host, String(port), &hints, &list)
    guard code == 0 else {
      throw .resolution(host: host ?? "this host", reason: String(cString: gai_strerror(code)))
    }
    defer { freeaddrinfo(list) }
    var addresses: [SocketAddress] = []
    var entry = list
    while let current = entry?.pointee {
      var address = SocketAddress()
      address.length = current.ai_addrlen
      withUnsafeMutableBytes(of: &address.storage) { target in
        target.copyMemory(from: UnsafeRawBufferPointer(start: current.ai_addr, count: Int(current.ai_addrlen)))
      }
      addresses.append(address)
      entry = current.ai_next
    }
    return addresses
  }

  var family: CInt { CInt(storage.ss_family) }
  var isIPv6: Bool { family == AF_INET6 }

  var port: UInt16 {
    get { withUnsafeBytes(of: storage) { UInt16(bigEndian: $0.loadUnaligned(fromByteOffset: 2, as: UInt16.self)) } }
    set {
      withUnsafeMutableBytes(of: &storage) { $0.storeBytes(of: newValue.bigEndian, toByteOffset: 2, as: UInt16.self) }
    }
  }

  /// As text without the port; IPv4 in IPv6 as IPv4.
  var host: String {
    var buffer = [CChar](repeating: 0, count: 128)
    let code = withPointer { getnameinfo($0, $1, &buffer, socklen_t(buffer.count), nil, 0, NI_NUMERICHOST) }
    guard code == 0 else { return "?" }
    let text = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return text.hasPrefix("::ffff:") && text.contains(".") ? String(text.dropFirst(7)) : text
  }

  func withPointer<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
    withUnsafePointer(to: storage) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
    }
  }
}

/// An address and a port for people and for JSON.
public struct Endpoint: Hashable, Sendable {
  public var host: String
  public var port: UInt16

  init(_ address: SocketAddress?) {
    host = address?.host ?? "?"
    port = address?.port ?? 0
  }

  init(host: String, port: UInt16) {
    self.host = host
    self.port = port
  }
}
