/// The header of HAProxy's PROXY protocol that stands before a connection's bytes: whom a proxy speaks for.
public struct ProxyHeader: Hashable, Sendable {
  /// Client and destination; nil where the proxy speaks for itself, or for what is no TCP over IP.
  public struct Ends: Hashable, Sendable {
    public var client: ClientAddress
    public var clientPort: UInt16
    public var destination: ClientAddress
    public var destinationPort: UInt16

    public init(
      client: ClientAddress, clientPort: UInt16, destination: ClientAddress, destinationPort: UInt16
    ) {
      self.client = client
      self.clientPort = clientPort
      self.destination = destination
      self.destinationPort = destinationPort
    }
  }

  public enum Outcome: Hashable, Sendable {
    case incomplete
    /// The header, and its bytes.
    case complete(ProxyHeader, Int)
    case refused
  }

  public var ends: Ends?

  public init(ends: Ends?) { self.ends = ends }

  /// More bytes than any header of version 1 has.
  private static let longestLine = 107
  /// More than any of version 2 that is taken: addresses and what goes with them.
  private static let longestBinary = 4_096
  private static let signature: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10]

  /// Reads a header, of version 1 or 2, at the start of a connection's bytes.
  public static func read(_ bytes: UnsafeBufferPointer<UInt8>) -> Outcome {
    guard let first = bytes.first else { return .incomplete }
    return first == 13 ? binary(bytes) : line(bytes)
  }

  private static func line(_ bytes: UnsafeBufferPointer<UInt8>) -> Outcome {
    let start = Array("PROXY ".utf8)
    guard zip(bytes, start).allSatisfy(==) else { return .refused }
    guard let feed = bytes.prefix(longestLine).firstIndex(of: 10) else {
      return bytes.count < longestLine ? .incomplete : .refused
    }
    guard feed > start.count, bytes[feed - 1] == 13 else { return .refused }
    let words = bytes[start.count..<feed - 1].split(separator: 32, omittingEmptySubsequences: false).map {
      String(decoding: $0, as: UTF8.self)
    }
    let length = feed + 1
    if words.first == "UNKNOWN" { return .complete(ProxyHeader(ends: nil), length) }
    guard words.count == 5, words[0] == "TCP4" || words[0] == "TCP6",
      let client = ClientAddress(parsing: words[1]), let destination = ClientAddress(parsing: words[2]),
      words[1].contains(":") == (words[0] == "TCP6"), words[2].contains(":") == (words[0] == "TCP6"),
      let clientPort = port(words[3]), let destinationPort = port(words[4])
    else { return .refused }
    return .complete(
      ProxyHeader(
        ends: Ends(
          client: client, clientPort: clientPort, destination: destination, destinationPort: destinationPort)),
      length)
  }

  /// Without signs and leading zeros, which are not allowed.
  private static func port(_ text: String) -> UInt16? {
    guard let port = UInt16(text), String(port) == text else { return nil }
    return port
  }

  private static func binary(_ bytes: UnsafeBufferPointer<UInt8>) -> Outcome {
    guard zip(bytes, signature).allSatisfy(==) else { return .refused }
    guard bytes.count >= 16 else { return .incomplete }
    let length = 16 + Int(bytes[14]) << 8 + Int(bytes[15])
    guard bytes[12] >> 4 == 2, bytes[12] & 15 <= 1, length <= longestBinary else { return .refused }
    guard bytes.count >= length else { return .incomplete }
    // LOCAL: the proxy's own, a health check of its for one.
    if bytes[12] & 15 == 0 { return .complete(ProxyHeader(ends: nil), length) }
    let size: Int
    switch bytes[13] {
    case 0x11: size = 4
    case 0x21: size = 16
    default: return .complete(ProxyHeader(ends: nil), length)
    }
    guard length >= 16 + 2 * size + 4, let client = ClientAddress(bytes: Array(bytes[16..<16 + size])),
      let destination = ClientAddress(bytes: Array(bytes[16 + size..<16 + 2 * size]))
    else { return .refused }
    let ports = 16 + 2 * size
    return .complete(
      ProxyHeader(
        ends: Ends(
          client: client, clientPort: UInt16(bytes[ports]) << 8 | UInt16(bytes[ports + 1]), destination: destination,
          destinationPort: UInt16(bytes[ports + 2]) << 8 | UInt16(bytes[ports + 3]))), length)
  }

  /// The header as it is sent.
  public func bytes(_ version: ProxyProtocolVersion) -> [UInt8] {
    switch version {
    case .v1:
      guard let ends else { return Array("PROXY UNKNOWN\r\n".utf8) }
      // Both addresses must be of one family.
      let isSix = ends.client.bytes.count == 16 || ends.destination.bytes.count == 16
      let (from, to) =
        isSix ? (ends.client.asSix.text, ends.destination.asSix.text) : (ends.client.text, ends.destination.text)
      return Array(
        "PROXY TCP\(isSix ? 6 : 4) \(from) \(to) \(ends.clientPort) \(ends.destinationPort)\r\n".utf8)
    case .v2:
      guard let ends else { return Self.signature + [0x20, 0, 0, 0] }
      let isSix = ends.client.bytes.count == 16 || ends.destination.bytes.count == 16
      let (from, to) =
        isSix ? (ends.client.asSix.raw, ends.destination.asSix.raw) : (ends.client.bytes, ends.destination.bytes)
      return Self.signature + [0x21, isSix ? 0x21 : 0x11, 0, isSix ? 36 : 12] + from + to + [
        UInt8(ends.clientPort >> 8), UInt8(ends.clientPort & 255), UInt8(ends.destinationPort >> 8),
        UInt8(ends.destinationPort & 255),
      ]
    }
  }
}

extension ClientAddress {
  /// An address of IPv6, an IPv4 one as a mapped address.
  fileprivate struct Six {
    var raw: [UInt8]
    var text: String
  }

  fileprivate var asSix: Six {
    if bytes.count == 16 { return Six(raw: bytes, text: text) }
    return Six(raw: [UInt8](repeating: 0, count: 10) + [255, 255] + bytes, text: "::ffff:\(text)")
  }
}
