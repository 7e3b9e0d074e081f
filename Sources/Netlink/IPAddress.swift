import Glibc

/// An IPv4 or IPv6 address, kept in network byte order.
public struct IPAddress: Hashable, Sendable {
  public enum Family: UInt8, Sendable { case ipv4 = 2, ipv6 = 10 }

  public let family: Family

  /// The address as four 32-bit words in network byte order; an IPv4 address fills the first and leaves zeros.
  public let words: (UInt32, UInt32, UInt32, UInt32)

  public init(family: Family, words: (UInt32, UInt32, UInt32, UInt32)) {
    self.family = family
    self.words = family == .ipv4 ? (words.0, 0, 0, 0) : words
  }

  /// Reads a dotted quad or an IPv6 address without brackets, zone or prefix length.
  public init?(_ text: some StringProtocol) {
    let text = String(text)
    var four = in_addr()
    if inet_pton(AF_INET, text, &four) == 1 {
      self.init(family: .ipv4, words: (four.s_addr, 0, 0, 0))
      return
    }
    var six = in6_addr()
    guard inet_pton(AF_INET6, text, &six) == 1 else { return nil }
    self.init(family: .ipv6, words: unsafe unsafeBitCast(six, to: (UInt32, UInt32, UInt32, UInt32).self))
  }

  /// Takes 4 or 16 bytes in network order; any other count is no address.
  public init?(bytes: some Collection<UInt8>) {
    guard bytes.count == 4 || bytes.count == 16 else { return nil }
    var words: [UInt32] = [0, 0, 0, 0]
    for (position, byte) in bytes.enumerated() { words[position / 4] |= UInt32(byte) << (8 * UInt32(position % 4)) }
    self.init(family: bytes.count == 4 ? .ipv4 : .ipv6, words: (words[0], words[1], words[2], words[3]))
  }

  public static func == (a: IPAddress, b: IPAddress) -> Bool {
    a.family == b.family && a.words == b.words
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(family)
    hasher.combine(words.0)
    hasher.combine(words.1)
    hasher.combine(words.2)
    hasher.combine(words.3)
  }

  /// Bytes in network order: 4 for IPv4, 16 for IPv6.
  public var bytes: [UInt8] {
    let all = [words.0, words.1, words.2, words.3].flatMap { word in
      (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * UInt32($0))) }
    }
    return family == .ipv4 ? Array(all[..<4]) : all
  }
}

extension IPAddress: CustomStringConvertible {
  /// The form of inet_ntop(3), without brackets.
  public var description: String {
    var buffer = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    switch family {
    case .ipv4:
      var address = in_addr(s_addr: words.0)
      inet_ntop(AF_INET, &address, &buffer, socklen_t(buffer.count))
    case .ipv6:
      var address = unsafe unsafeBitCast(words, to: in6_addr.self)
      inet_ntop(AF_INET6, &address, &buffer, socklen_t(buffer.count))
    }
    return String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}

extension IPAddress {
  /// The length in bits, which is also the prefix length of a host route.
  public var bitWidth: Int { family == .ipv4 ? 32 : 128 }

  /// Whether this is fe80::/10, an address that means something only together with an interface (RFC 4291, 2.5.6).
  public var isLinkLocal: Bool { family == .ipv6 && bytes[0] == 0xFE && bytes[1] & 0xC0 == 0x80 }
}

/// An address with a port in host byte order; port 0 stands for every port.
public struct Endpoint: Hashable, Sendable {
  public var address: IPAddress
  public var port: UInt16

  public init(_ address: IPAddress, port: UInt16) {
    self.address = address
    self.port = port
  }
}
