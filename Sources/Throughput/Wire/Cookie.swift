/// The 36 characters that tell the connections of one test from those of others, and the octet 0 behind them.
public struct Cookie: Hashable, Sendable, CustomStringConvertible {
  /// Its octets on the wire, with the 0.
  public static let length = 37

  /// What clients of this product begin with that ask for an echo (`EchoProbe`); to iperf3 it is a cookie like others.
  static let extensionMark = "svs7echo"

  public let characters: [UInt8]

  /// A new one of random characters, a to z and 2 to 7.
  public static func random(asksForExtensions: Bool = false) -> Cookie {
    let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)
    let mark = asksForExtensions ? Array(extensionMark.utf8) : []
    return Cookie(characters: mark + (mark.count..<length - 1).map { _ in alphabet[Int.random(in: 0..<32)] })
  }

  private init(characters: [UInt8]) { self.characters = characters }

  /// Takes what came over the wire, if it can be a cookie: 36 visible characters and 0.
  ///
  /// Before iperf3 3.2 a cookie had the client's host name in it, hence more than the alphabet of today.
  public init?(_ bytes: [UInt8]) {
    guard bytes.count == Self.length, bytes.last == 0, bytes.dropLast().allSatisfy({ 0x21...0x7e ~= $0 }) else {
      return nil
    }
    characters = Array(bytes.dropLast())
  }

  public var bytes: [UInt8] { characters + [0] }
  public var description: String { String(decoding: characters, as: UTF8.self) }
  var asksForExtensions: Bool { characters.starts(with: Self.extensionMark.utf8) }
}
