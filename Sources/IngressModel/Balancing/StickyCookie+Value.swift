extension StickyCookie {
  /// Whether the name can be sent: a token (RFC 9110, section 5.6.2).
  public var hasValidName: Bool {
    !name.isEmpty
      && name.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
          UInt8(ascii: "A")...UInt8(ascii: "Z"):
          true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
      }
  }

  /// What keeps a client at a server: a hash of its URL, which is the same on every machine and after every restart.
  ///
  /// 16 hexadecimal digits. It does not show the address; who guesses the address can tell that the guess is right.
  public static func value(of server: Server) -> String { text(of: StableHash.of(server.description.utf8)) }

  /// The Set-Cookie field's value (RFC 6265, section 4.1): for the whole site, until the browser ends.
  public func header(value: String) -> String {
    var text = "\(name)=\(value); Path=/"
    if isHTTPOnly { text += "; HttpOnly" }
    if isSecure { text += "; Secure" }
    switch sameSite {
    case .some(.none): text += "; SameSite=None"
    case .lax: text += "; SameSite=Lax"
    case .strict: text += "; SameSite=Strict"
    case nil: break
    }
    return text
  }

  static func text(of id: UInt64) -> String {
    let digits = String(id, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  /// The number behind a value that a client sent; nil: none that was ever given out.
  static func id(of value: some Collection<UInt8>) -> UInt64? {
    guard value.count == 16 else { return nil }
    var id: UInt64 = 0
    for byte in value {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): id = id << 4 | UInt64(byte - UInt8(ascii: "0"))
      case UInt8(ascii: "a")...UInt8(ascii: "f"): id = id << 4 | UInt64(byte - UInt8(ascii: "a") + 10)
      default: return nil
      }
    }
    return id
  }
}
