/// Why words name no entry point, for people.
public struct EntryPointError: Error, Hashable, CustomStringConvertible {
  public var description: String

  public init(description: String) { self.description = description }
}

extension EntryPoint {
  /// Reads `NAME=[HOST]:PORT[,tls][,proxy][,trusted]`.
  public init(parsing text: String) throws(EntryPointError) {
    func fault(_ what: String) -> EntryPointError {
      EntryPointError(description: "'\(text)': \(what); write it as websecure=192.0.2.1:443,tls or web=:80")
    }
    guard let equals = text.firstIndex(of: "="), equals > text.startIndex else {
      throw fault("an entry point has a name and an address")
    }
    let parts = text[text.index(after: equals)...].split(separator: ",", omittingEmptySubsequences: false).map(
      String.init)
    guard let (host, port) = Self.address(parts[0]) else { throw fault("'\(parts[0])' is no [HOST]:PORT") }
    self.init(name: String(text[..<equals]), host: host, port: port)
    for word in parts.dropFirst() {
      switch word {
      case "tls": isTLS = true
      case "proxy": takesProxyProtocol = true
      case "trusted": trustsForwarded = true
      default: throw fault("'\(word)' is none of tls, proxy and trusted")
      }
    }
  }

  /// Reads `[HOST]:PORT`, IPv6 in brackets.
  public static func address(_ text: String) -> (host: String?, port: UInt16)? {
    guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else { return nil }
    var host = text[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = host.dropFirst().dropLast()
    } else if host.contains(":") {
      return nil
    }
    return (host.isEmpty ? nil : String(host), port)
  }
}
