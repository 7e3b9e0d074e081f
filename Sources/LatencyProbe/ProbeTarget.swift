import Glibc

/// What is probed: an http or https URL, taken apart (RFC 3986).
public struct ProbeTarget: Hashable, Sendable {
  public let url: String
  public let usesTLS: Bool
  /// Without the brackets of an IPv6 address.
  public let host: String
  public let port: UInt16
  /// Path and query.
  public let path: String

  /// A URL without a scheme is one of http, as with curl.
  public init(_ url: String) throws(ProbeError) {
    self.url = url
    guard url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      throw .url(url, "it has blanks or letters beyond ASCII; write %20, and host names in punycode")
    }
    var rest = Substring(url)
    var scheme = "http"
    if let found = url.firstRange(of: "://") {
      scheme = url[..<found.lowerBound].lowercased()
      rest = url[found.upperBound...]
    }
    guard scheme == "http" || scheme == "https" else { throw .url(url, "only http and https can be probed") }
    usesTLS = scheme == "https"
    rest = rest.prefix { $0 != "#" }
    let authority = rest.prefix { $0 != "/" && $0 != "?" }
    let tail = rest[authority.endIndex...]
    path = tail.first == "/" ? String(tail) : "/" + tail
    guard !authority.contains("@") else { throw .url(url, "user names go into a header: -H 'Authorization: …'") }
    var portText: Substring = ""
    if authority.first == "[" {
      guard let end = authority.firstIndex(of: "]") else { throw .url(url, "the bracket of the address is not closed") }
      host = String(authority[authority.index(after: authority.startIndex)..<end])
      guard Self.isAddress(host) else { throw .url(url, "\(host) is no IPv6 address") }
      portText = authority[authority.index(after: end)...]
      guard portText.isEmpty || portText.first == ":" else {
        throw .url(url, "after the address comes a port or a path")
      }
    } else {
      let parts = authority.split(separator: ":", omittingEmptySubsequences: false)
      guard parts.count <= 2 else { throw .url(url, "an IPv6 address belongs in brackets") }
      host = String(parts[0])
      if parts.count == 2 { portText = ":" + parts[1] }
    }
    guard !host.isEmpty else { throw .url(url, "there is no host in it") }
    guard portText.count > 1 else {
      port = usesTLS ? 443 : 80
      return
    }
    guard let number = UInt16(portText.dropFirst()), number > 0 else { throw .url(url, "a port is 1 to 65535") }
    port = number
  }

  /// Host and port as the Host header has them.
  public var authority: String {
    let name = host.contains(":") ? "[\(host)]" : host
    return port == (usesTLS ? 443 : 80) ? name : "\(name):\(port)"
  }

  var isAddress: Bool { Self.isAddress(host) }

  static func isAddress(_ text: String) -> Bool {
    var room = in6_addr()
    return inet_pton(AF_INET, text, &room) == 1
      || inet_pton(AF_INET6, text.split(separator: "%", maxSplits: 1).first.map(String.init) ?? "", &room) == 1
  }
}

/// An address to use for a host and port, instead of looking it up: `host:port:address`, as curl's `--resolve` takes it.
public struct AddressOverride: Hashable, Sendable {
  public let host: String
  /// Nil stands for any.
  public let port: UInt16?
  public let addresses: [String]

  public init(_ text: String) throws(ProbeError) {
    let parts = text.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 3, !parts[0].isEmpty else { throw .setting("--resolve \(text): it is host:port:address") }
    host = parts[0].lowercased()
    if parts[1] == "*" {
      port = nil
    } else {
      guard let number = UInt16(parts[1]), number > 0 else { throw .setting("--resolve \(text): a port is 1 to 65535") }
      port = number
    }
    addresses = parts[2].split(separator: ",").map {
      $0.hasPrefix("[") ? String($0.dropFirst().dropLast()) : String($0)
    }
    guard !addresses.isEmpty, addresses.allSatisfy(ProbeTarget.isAddress) else {
      throw .setting("--resolve \(text): \(parts[2]) is no address")
    }
  }

  func applies(to target: ProbeTarget) -> Bool {
    target.host.lowercased() == host && (port == nil || port == target.port)
  }
}
