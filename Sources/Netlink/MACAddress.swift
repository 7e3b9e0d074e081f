/// The 48-bit hardware address of an Ethernet interface.
public struct MACAddress: Hashable, Sendable {
  /// The octets in the order in which they stand on the wire.
  public let octets: (UInt8, UInt8, UInt8, UInt8, UInt8, UInt8)

  public init(_ octets: (UInt8, UInt8, UInt8, UInt8, UInt8, UInt8)) { self.octets = octets }

  /// Takes exactly six bytes.
  public init?(bytes: some Collection<UInt8>) {
    guard bytes.count == 6 else { return nil }
    let all = Array(bytes)
    octets = (all[0], all[1], all[2], all[3], all[4], all[5])
  }

  /// Reads six hexadecimal octets of two digits with colons between them.
  public init?(_ text: some StringProtocol) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 6 else { return nil }
    var bytes: [UInt8] = []
    for part in parts {
      guard part.utf8.count == 2, part.allSatisfy(\.isHexDigit), let octet = UInt8(part, radix: 16) else { return nil }
      bytes.append(octet)
    }
    self.init(bytes: bytes)
  }

  public var bytes: [UInt8] { [octets.0, octets.1, octets.2, octets.3, octets.4, octets.5] }

  public static func == (a: MACAddress, b: MACAddress) -> Bool { a.octets == b.octets }

  public func hash(into hasher: inout Hasher) { for byte in bytes { hasher.combine(byte) } }
}

extension MACAddress: CustomStringConvertible {
  public var description: String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: ":")
  }
}
