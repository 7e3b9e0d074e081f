/// Where requests go: scheme, host and port of an `http` or `https` URL (RFC 9110, section 4.2).
public struct Target: Hashable, Sendable {
  /// Whether connections are protected by TLS.
  public var isSecure: Bool
  /// A name or an address; an IPv6 address without its brackets.
  public var host: String
  public var port: UInt16

  public init(isSecure: Bool, host: String, port: UInt16) {
    self.isSecure = isSecure
    self.host = host
    self.port = port
  }

  /// Splits an absolute URL into the target and the path with its query, which is `/` where the URL has none.
  public static func parse(_ url: String) throws(LoadError) -> (target: Target, path: String) {
    let isSecure: Bool
    var rest: Substring
    if url.hasPrefix("http://") {
      isSecure = false
      rest = url.dropFirst(7)
    } else if url.hasPrefix("https://") {
      isSecure = true
      rest = url.dropFirst(8)
    } else {
      throw .badURL(url, why: "it must begin with http:// or https://")
    }
    rest = rest.prefix { $0 != "#" }
    let authority = rest.prefix { $0 != "/" && $0 != "?" }
    var path = String(rest[authority.endIndex...])
    if !path.hasPrefix("/") { path = "/" + path }
    guard path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      throw .badURL(url, why: "spaces and characters beyond ASCII must be percent-encoded")
    }
    let (host, port) = try split(authority, of: url)
    return (Target(isSecure: isSecure, host: host, port: port ?? (isSecure ? 443 : 80)), path)
  }

  private static func split(_ authority: Substring, of url: String) throws(LoadError) -> (String, UInt16?) {
    guard !authority.contains("@") else { throw .badURL(url, why: "a user name is not taken; send a header instead") }
    var host = authority
    var digits: Substring?
    if authority.hasPrefix("[") {
      guard let end = authority.firstIndex(of: "]") else { throw .badURL(url, why: "the bracket is not closed") }
      host = authority[authority.index(after: authority.startIndex)..<end]
      let after = authority[authority.index(after: end)...]
      guard after.isEmpty || after.hasPrefix(":") else {
        throw .badURL(url, why: "what follows the bracket is no port")
      }
      digits = after.isEmpty ? nil : after.dropFirst()
    } else if let colon = authority.firstIndex(of: ":") {
      host = authority[..<colon]
      digits = authority[authority.index(after: colon)...]
    }
    guard !host.isEmpty else { throw .badURL(url, why: "it names no host") }
    guard host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      throw .badURL(url, why: "the host's name is not ASCII")
    }
    guard let digits else { return (String(host), nil) }
    guard let port = UInt16(digits), port > 0 else { throw .badURL(url, why: "the port must be from 1 to 65535") }
    return (String(host), port)
  }

  /// What the Host header and `:authority` say: the port only where it is not the scheme's own.
  public var authority: String {
    let name = host.contains(":") ? "[\(host)]" : host
    return port == (isSecure ? 443 : 80) ? name : "\(name):\(port)"
  }
}

extension Target: CustomStringConvertible {
  public var description: String { (isSecure ? "https://" : "http://") + authority }
}
