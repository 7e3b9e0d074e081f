import CSystem
import Glibc
import HostSystem

/// How sockets of a test are made.
struct SocketMaker: Sendable {
  /// AF_INET, AF_INET6, or AF_UNSPEC for what there is.
  var family = AF_UNSPEC
  /// Where connections come from.
  var localHost: String?
  var localPort: UInt16 = 0

  /// Connects to the first of a host's addresses that answers.
  func connect(
    to host: String, port: UInt16, timeout: Duration?, set: (CInt, SocketAddress) throws(ThroughputError) -> Void
  ) throws(ThroughputError) -> Descriptor {
    let addresses = try SocketAddress.resolve(host, port: port, family: family)
    var last: ThroughputError?
    for address in addresses {
      do {
        return try connect(to: address, name: host, timeout: timeout, set: set)
      } catch {
        guard case .connection = error else { throw error }
        last = last ?? error
      }
    }
    throw last ?? .resolution(host: host, reason: "it has no address")
  }

  func connect(
    to address: SocketAddress, name: String? = nil, timeout: Duration?,
    set: (CInt, SocketAddress) throws(ThroughputError) -> Void
  ) throws(ThroughputError) -> Descriptor {
    let code = svs_stream_socket(address.family)
    guard code >= 0 else { throw .system(SystemError(code: -code, action: "make a socket")) }
    let socket = Descriptor(code)
    try bindLocally(socket.number, to: address, isDatagram: false)
    try set(socket.number, address)
    let failure = Self.connect(socket.number, to: address, timeout)
    guard failure == 0 else {
      throw .connection(
        "\(name ?? address.host) port \(address.port)", SystemError(code: failure, action: "connect"))
    }
    return socket
  }

  /// A datagram socket that sends to, and hears from, one peer.
  func datagramSocket(
    to address: SocketAddress, _ set: (CInt, SocketAddress) throws(ThroughputError) -> Void
  ) throws(ThroughputError) -> Descriptor {
    let code = svs_datagram_socket(address.family)
    guard code >= 0 else { throw .system(SystemError(code: -code, action: "make a socket")) }
    let socket = Descriptor(code)
    try bindLocally(socket.number, to: address, isDatagram: true)
    try set(socket.number, address)
    guard address.withPointer({ Glibc.connect(socket.number, $0, $1) }) == 0 else {
      throw .connection("\(address.host) port \(address.port)", SystemError.last("connect"))
    }
    return socket
  }

  private func bindLocally(_ number: CInt, to peer: SocketAddress, isDatagram: Bool) throws(ThroughputError) {
    guard localHost != nil || localPort != 0 else { return }
    let place = "\(localHost ?? "any address")\(localPort == 0 ? "" : " port \(localPort)")"
    let host = localHost ?? (peer.isIPv6 ? "::" : "0.0.0.0")
    guard
      let address = try SocketAddress.resolve(host, port: localPort, family: peer.family, isDatagram: isDatagram).first
    else { return }
    _ = svs_set_socket_option(number, SVS_REUSE_ADDRESS, 1)
    guard address.withPointer({ bind(number, $0, $1) }) == 0 else {
      throw .connection("the peer from \(place)", SystemError.last("bind"))
    }
  }

  /// 0, or the errno of a connection that did not come about in time.
  private static func connect(_ number: CInt, to address: SocketAddress, _ timeout: Duration?) -> CInt {
    guard let timeout else {
      return address.withPointer { Glibc.connect(number, $0, $1) } == 0 ? 0 : errno
    }
    let flags = fcntl(number, F_GETFL)
    _ = fcntl(number, F_SETFL, flags | O_NONBLOCK)
    defer { _ = fcntl(number, F_SETFL, flags) }
    if address.withPointer({ Glibc.connect(number, $0, $1) }) == 0 { return 0 }
    guard errno == EINPROGRESS else { return errno }
    guard Wire.wait(for: Int16(POLLOUT), on: number, Deadline(in: timeout)) else { return ETIMEDOUT }
    var code: CInt = 0
    var length = socklen_t(MemoryLayout<CInt>.size)
    guard getsockopt(number, SOL_SOCKET, SO_ERROR, &code, &length) == 0 else { return errno }
    return code
  }
}

extension TestParameters {
  /// Gives a data socket what the test asks for, before it is connected.
  func set(_ number: CInt, isIPv6: Bool) throws(ThroughputError) {
    func option(_ option: svs_socket_option, _ value: Int, _ what: String) throws(ThroughputError) {
      let code = svs_set_socket_option(number, option, CInt(clamping: value))
      guard code >= 0 else { throw .system(SystemError(code: -code, action: "set \(what) to \(value)")) }
    }
    if window > 0 {
      try option(SVS_SEND_BUFFER, window, "the send buffer")
      try option(SVS_RECEIVE_BUFFER, window, "the receive buffer")
    }
    if typeOfService > 0 {
      try option(isIPv6 ? SVS_TRAFFIC_CLASS : SVS_TYPE_OF_SERVICE, typeOfService, "the type of service")
    }
    if pacingRate > 0 {
      let code = svs_set_pacing_rate(number, pacingRate / 8)
      guard code >= 0 else { throw .system(SystemError(code: -code, action: "let the kernel pace")) }
    }
    switch transport {
    case .udp:
      if doNotFragment, !isIPv6 { try option(SVS_DO_NOT_FRAGMENT, 1, "don't fragment") }
    case .tcp:
      if segmentSize > 0 { try option(SVS_MAXIMUM_SEGMENT, segmentSize, "the segment size") }
      if noDelay { try option(SVS_NO_DELAY, 1, "no delay") }
      if let congestion {
        let code = svs_set_congestion_control(number, congestion)
        guard code >= 0 else {
          throw .system(SystemError(code: -code, action: "use the congestion control \(congestion)"))
        }
      }
    }
  }

  /// The congestion control that a socket has.
  static func congestionControl(of number: CInt) -> String? {
    var name = [CChar](repeating: 0, count: 16)
    guard svs_congestion_control(number, &name) == 0 else { return nil }
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
