import Glibc
import KernelDirector

/// Reads `host[:port]` into a draft, as ipvsadm does for `-t`, `-u`, `-r`.
///
/// A host is an IPv6 address (in brackets when a port follows), an IPv4 address in any form that inet_aton(3) takes,
/// or a name with an IPv4 address. A port is a number or a service name.
///
/// What the text does not name stays as it is in the draft.
enum EndpointText {
  /// Whether the text is an endpoint.
  static func read(
    _ text: String, into draft: inout ServiceDraft, names: inout some NameService
  ) -> Bool {
    if text.utf8.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }) { return false }
    var host = text[...]
    var port: Substring?
    if host.utf8.first == UInt8(ascii: "[") {
      guard let close = host.utf8.firstIndex(of: UInt8(ascii: "]")) else { return false }
      let rest = host[host.utf8.index(after: close)...]
      guard rest.utf8.first == UInt8(ascii: ":") else { return false }
      host = host[..<close].dropFirst()
      port = rest.dropFirst()
    }
    if let address = IPAddress(ipv6: String(host)) {
      draft.address = address
    } else {
      port = nil
      if let colon = host.utf8.lastIndex(of: UInt8(ascii: ":")) {
        port = host[host.utf8.index(after: colon)...]
        host = host[..<colon]
      }
      let name = String(host)
      guard let address = IPAddress(numericHost: name) ?? names.address(ofHost: name) else { return false }
      draft.address = address
    }
    guard let port else { return true }
    let word = String(port)
    if let number = Decimal.whole(word, in: 0...65535) {
      draft.port = UInt16(number)
    } else if let transport = draft.transport, let number = names.port(ofService: word, over: transport) {
      draft.port = number
    } else {
      return false
    }
    return true
  }
}

extension IPAddress {
  /// Reads an IPv6 address in the form of inet_pton(3).
  init?(ipv6 text: String) {
    var bytes = in6_addr()
    guard text.utf8.contains(UInt8(ascii: ":")), inet_pton(AF_INET6, text, &bytes) == 1 else { return nil }
    self.init(family: .ipv6, words: unsafeBitCast(bytes, to: (UInt32, UInt32, UInt32, UInt32).self))
  }

  /// Reads an IPv4 address in any form of inet_aton(3): `10.9.1` and `0x0a090001` are `10.9.0.1`.
  init?(numericHost text: String) {
    var bytes = in_addr()
    guard inet_aton(text, &bytes) != 0 else { return nil }
    self.init(family: .ipv4, words: (bytes.s_addr, 0, 0, 0))
  }
}
