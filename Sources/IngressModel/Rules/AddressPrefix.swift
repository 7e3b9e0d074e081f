import Glibc

/// An address, or a network of them (RFC 4632, RFC 4291 section 2.3).
struct AddressPrefix: Hashable, Sendable {
  var address: ClientAddress
  /// Leading bits that count.
  var bits: Int

  /// Reads `192.0.2.1`, `192.0.2.0/24`, `2001:db8::/32`; bits behind the prefix are ignored.
  init?(_ text: some StringProtocol) {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard let first = parts.first, let address = ClientAddress(parsing: String(first)) else { return nil }
    self.address = address
    guard parts.count == 2 else {
      bits = address.bytes.count * 8
      return
    }
    guard parts[1].utf8.count <= 3, parts[1].utf8.allSatisfy(ByteSet.digits.contains), var bits = Int(parts[1]) else {
      return nil
    }
    // A mapped network: ::ffff:192.0.2.0/120 is 192.0.2.0/24.
    if address.bytes.count == 4, first.utf8.contains(UInt8(ascii: ":")) { bits -= 96 }
    guard (0...address.bytes.count * 8).contains(bits) else { return nil }
    self.bits = bits
  }

  func contains(_ client: ClientAddress) -> Bool {
    guard client.bytes.count == address.bytes.count else { return false }
    let whole = bits / 8
    for index in 0..<whole where client.bytes[index] != address.bytes[index] { return false }
    let rest = bits % 8
    guard rest > 0 else { return true }
    let mask = UInt8.max << UInt8(8 - rest)
    return client.bytes[whole] & mask == address.bytes[whole] & mask
  }
}

extension ClientAddress {
  /// In figures: IPv4 with dots, IPv6 as RFC 5952 writes it.
  public var text: String {
    var bytes: [UInt8] = []
    bytes.write(self)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Reads an address as people write it: `192.0.2.1`, `2001:db8::1`, without brackets and zone.
  public init?(parsing text: String) {
    // A NUL would end it for the C library, and what follows would not be looked at.
    guard !text.utf8.contains(0) else { return nil }
    var bytes = [UInt8](repeating: 0, count: 16)
    if inet_pton(AF_INET, text, &bytes) == 1 {
      self.init(bytes: Array(bytes[..<4]))
    } else if inet_pton(AF_INET6, text, &bytes) == 1 {
      self.init(bytes: bytes)
    } else {
      return nil
    }
  }
}
