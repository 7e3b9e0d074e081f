/// The objects that go into the kernel, as they came out of the build.
public enum DataplaneObject {
  /// The director: the packet path, its sweep, and the hand-over to the kernel's own devices.
  public static var director: [UInt8] { decode(directorBase64) }

  /// The far end of a tunnel, for real servers whose kernel has no tunnel device.
  public static var decapsulator: [UInt8] { decode(decapsulatorBase64) }

  /// The hooks that translate services where programs on this host address them.
  public static var sockets: [UInt8] { decode(socketsBase64) }

  static func decode(_ text: StaticString) -> [UInt8] {
    var bytes = [UInt8]()
    bytes.reserveCapacity(text.utf8CodeUnitCount * 3 / 4)
    var accumulator: UInt32 = 0
    var bits: UInt32 = 0
    text.withUTF8Buffer { characters in
      for character in characters {
        guard let value = sextet(character) else { break }
        accumulator = accumulator << 6 | value
        bits += 6
        if bits >= 8 {
          bits -= 8
          bytes.append(UInt8(truncatingIfNeeded: accumulator >> bits))
        }
      }
    }
    return bytes
  }

  private static func sextet(_ character: UInt8) -> UInt32? {
    switch character {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(character - UInt8(ascii: "A"))
    case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(character - UInt8(ascii: "a")) + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(character - UInt8(ascii: "0")) + 52
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
  }
}
