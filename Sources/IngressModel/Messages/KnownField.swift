/// Header fields that a proxy reads, changes or keeps to itself; all others it passes on as they are.
public enum KnownField: UInt8, Sendable {
  case other
  case host, connection, contentLength, transferEncoding, keepAlive, proxyConnection, upgrade, te, trailer, expect
  case cookie, setCookie, forwarded, forwardedFor, forwardedHost, forwardedPort, forwardedProto, forwardedServer, realIP
  case http2Settings, userAgent, referer
  /// `X-Forwarded-` with another ending.
  case forwardedOther
  /// `Proxy`, which programs behind CGI take for a setting of their own.
  case proxy
  /// One of these with `_` for `-`: programs behind CGI and WSGI do not see a difference.
  case disguised

  /// - Parameter name: in any case.
  public init(_ name: UnsafeBufferPointer<UInt8>) {
    self.init(exactly: name)
    guard self == .other, name.contains(UInt8(ascii: "_")) else { return }
    let plain = name.map { $0 == UInt8(ascii: "_") ? UInt8(ascii: "-") : $0 }
    if plain.withUnsafeBufferPointer({ KnownField(exactly: $0) }) != .other { self = .disguised }
  }

  private init(exactly name: UnsafeBufferPointer<UInt8>) {
    self = .other
    switch name.count {
    case 2: if Self.match(name, "te") { self = .te }
    case 4: if Self.match(name, "host") { self = .host }
    case 5: if Self.match(name, "proxy") { self = .proxy }
    case 6:
      if Self.match(name, "cookie") { self = .cookie } else if Self.match(name, "expect") { self = .expect }
    case 7:
      if Self.match(name, "upgrade") {
        self = .upgrade
      } else if Self.match(name, "trailer") {
        self = .trailer
      } else if Self.match(name, "referer") {
        self = .referer
      }
    case 9:
      if Self.match(name, "x-real-ip") { self = .realIP } else if Self.match(name, "forwarded") { self = .forwarded }
    case 10:
      if Self.match(name, "connection") {
        self = .connection
      } else if Self.match(name, "user-agent") {
        self = .userAgent
      } else if Self.match(name, "keep-alive") {
        self = .keepAlive
      } else if Self.match(name, "set-cookie") {
        self = .setCookie
      }
    case 14:
      if Self.match(name, "content-length") {
        self = .contentLength
      } else if Self.match(name, "http2-settings") {
        self = .http2Settings
      }
    case 15: if Self.match(name, "x-forwarded-for") { self = .forwardedFor }
    case 16:
      if Self.match(name, "x-forwarded-host") {
        self = .forwardedHost
      } else if Self.match(name, "x-forwarded-port") {
        self = .forwardedPort
      } else if Self.match(name, "proxy-connection") {
        self = .proxyConnection
      }
    case 17:
      if Self.match(name, "transfer-encoding") {
        self = .transferEncoding
      } else if Self.match(name, "x-forwarded-proto") {
        self = .forwardedProto
      }
    case 18: if Self.match(name, "x-forwarded-server") { self = .forwardedServer }
    default: break
    }
    if self == .other, name.count > 12, Self.match(UnsafeBufferPointer(rebasing: name[..<12]), "x-forwarded-") {
      self = .forwardedOther
    }
  }

  /// Whether it is about one connection only (RFC 9110, section 7.6.1), or not what it seems, and stays behind.
  public var isHopByHop: Bool {
    switch self {
    case .connection, .keepAlive, .proxyConnection, .upgrade, .te, .trailer, .transferEncoding, .http2Settings, .proxy,
      .disguised:
      true
    default: false
    }
  }

  /// Whether it says where a request came from, which only a proxy may say that is trusted.
  public var tellsOfClient: Bool {
    switch self {
    case .forwarded, .forwardedFor, .forwardedHost, .forwardedPort, .forwardedProto, .forwardedServer, .forwardedOther,
      .realIP:
      true
    default: false
    }
  }

  /// Whether a `Connection` header may name it as one that stays behind.
  ///
  /// The others say where a message ends or whose it is: a client could hide them from the server that way.
  public var mayBeNamed: Bool {
    switch self {
    case .host, .contentLength, .transferEncoding, .cookie, .setCookie: false
    default: !tellsOfClient
    }
  }

  static func match(_ name: UnsafeBufferPointer<UInt8>, _ word: StaticString) -> Bool {
    let other = UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
    return name.equalsIgnoringCase(other)
  }
}

extension UnsafeBufferPointer<UInt8> {
  /// Equality of ASCII in any case.
  @inlinable
  public func equalsIgnoringCase(_ other: UnsafeBufferPointer<UInt8>) -> Bool {
    guard count == other.count else { return false }
    for index in indices where self[index].lowercased != other[index].lowercased { return false }
    return true
  }
}

extension UInt8 {
  @inlinable public var lowercased: UInt8 { self &- 65 < 26 ? self | 0x20 : self }
}
