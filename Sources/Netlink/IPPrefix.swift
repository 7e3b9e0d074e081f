/// An address with a prefix length: an interface's address with its subnet, or a route's destination.
public struct IPPrefix: Hashable, Sendable {
  public var address: IPAddress
  /// In bits: at most 32 for IPv4, 128 for IPv6.
  public var length: UInt8

  /// A whole address where no length is given.
  public init(_ address: IPAddress, length: UInt8? = nil) {
    self.address = address
    self.length = min(length ?? UInt8(address.bitWidth), UInt8(address.bitWidth))
  }

  /// Reads `address/length`, or an address alone for its full length.
  public init?(_ text: some StringProtocol) {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard let first = parts.first, let address = IPAddress(first) else { return nil }
    self.address = address
    guard parts.count == 2 else {
      length = UInt8(address.bitWidth)
      return
    }
    guard parts[1].allSatisfy(\.isASCIIDigit), let length = UInt8(parts[1]), length <= address.bitWidth else {
      return nil
    }
    self.length = length
  }

  /// 0.0.0.0/0 or ::/0.
  public static func everything(_ family: IPAddress.Family) -> IPPrefix {
    IPPrefix(IPAddress(family: family, words: (0, 0, 0, 0)), length: 0)
  }

  /// The same prefix with the bits of the host part cleared, as a route wants it.
  public var network: IPPrefix {
    let bytes = address.bytes.enumerated().map { position, byte in
      let kept = max(0, min(8, Int(length) - position * 8))
      return kept == 0 ? 0 : byte & (0xFF << UInt8(8 - kept))
    }
    return IPPrefix(IPAddress(bytes: bytes) ?? address, length: length)
  }

  public func contains(_ other: IPAddress) -> Bool {
    other.family == address.family && IPPrefix(other, length: length).network == network
  }
}

extension IPPrefix: CustomStringConvertible {
  public var description: String { "\(address)/\(length)" }
}

extension Character {
  fileprivate var isASCIIDigit: Bool { isASCII && isNumber }
}
