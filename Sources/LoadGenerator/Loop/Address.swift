import Glibc

/// An address to connect to, as the kernel takes it.
struct Address: Sendable {
  private var storage: sockaddr_storage
  private let length: socklen_t
  let family: CInt

  /// The addresses of a host, in the order in which the system prefers them.
  static func resolve(_ target: Target, family: LoadPlan.Family?) throws(LoadError) -> [Address] {
    var hints = addrinfo()
    hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
    hints.ai_flags = AI_NUMERICSERV
    switch family {
    case .v4: hints.ai_family = AF_INET
    case .v6: hints.ai_family = AF_INET6
    case nil: hints.ai_family = AF_UNSPEC
    }
    var list: UnsafeMutablePointer<addrinfo>?
    let result = getaddrinfo(target.host, String(target.port), &hints, &list)
    guard result == 0 else { throw .unknownHost(target.host, why: String(cString: gai_strerror(result))) }
    defer { freeaddrinfo(list) }
    var addresses: [Address] = []
    var next = list
    while let entry = next {
      if let address = entry.pointee.ai_addr {
        addresses.append(Address(address, length: entry.pointee.ai_addrlen, family: entry.pointee.ai_family))
      }
      next = entry.pointee.ai_next
    }
    guard !addresses.isEmpty else { throw .unknownHost(target.host, why: "it has none") }
    return addresses
  }

  private init(_ address: UnsafePointer<sockaddr>, length: socklen_t, family: CInt) {
    storage = sockaddr_storage()
    self.length = min(length, socklen_t(MemoryLayout<sockaddr_storage>.size))
    self.family = family
    withUnsafeMutableBytes(of: &storage) {
      $0.copyMemory(from: UnsafeRawBufferPointer(start: address, count: Int(self.length)))
    }
  }

  /// Begins a connection; returns the socket, or the negative errno.
  func connect() -> CInt {
    let socket = Glibc.socket(
      family, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_NONBLOCK.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    guard socket >= 0 else { return -errno }
    var one: CInt = 1
    setsockopt(socket, CInt(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<CInt>.size))
    let result = withUnsafePointer(to: storage) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.connect(socket, $0, length) }
    }
    guard result != 0, errno != EINPROGRESS else { return socket }
    let code = errno
    close(socket)
    return -code
  }
}
