/// How rules and requests come to speak of the same host.
enum HostName {
  /// Without the brackets of an IPv6 address and without a trailing dot; nothing is copied where there are none.
  static func canonical(_ host: String) -> String {
    let bytes = host.utf8
    guard let first = bytes.first, let last = bytes.last else { return host }
    if first == UInt8(ascii: "["), last == UInt8(ascii: "]") { return String(host.dropFirst().dropLast()) }
    return last == UInt8(ascii: ".") ? String(host.dropLast()) : host
  }
}

extension String {
  /// Upper-case letters of ASCII made lower-case, nothing else.
  package var lowercasedASCII: String {
    String(decoding: utf8.map { (65...90).contains($0) ? $0 + 32 : $0 }, as: UTF8.self)
  }

  /// Lower-case letters of ASCII made upper-case, nothing else.
  var uppercasedASCII: String { String(decoding: utf8.map { (97...122).contains($0) ? $0 - 32 : $0 }, as: UTF8.self) }
}

extension HostName {
  /// Whether this could be a name or an address without a port: letters, digits, dots, hyphens, underscores; or IPv6.
  static func isPlausible(_ host: String) -> Bool {
    if ClientAddress(parsing: host) != nil { return true }
    return !host.isEmpty && host.utf8.count <= 255
      && host.utf8.allSatisfy { ByteSet.word.contains($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") }
  }
}
