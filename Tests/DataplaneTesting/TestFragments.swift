/// Cuts frames without tags and options into fragments, and puts those together again.
public enum TestFragments {
  /// - Parameter size: bytes of payload in each, a multiple of eight.
  public static func cut(_ frame: [UInt8], every size: Int, id: UInt32 = 0x0102_0304) -> [[UInt8]] {
    let six = frame[12] == 0x86
    let transport = six ? 54 : 34
    let body = Array(frame[transport...])
    return stride(from: 0, to: body.count, by: size).map { offset in
      let end = min(offset + size, body.count)
      var head = Array(frame[..<transport])
      let part = Array(body[offset..<end])
      if six {
        let place = UInt16(offset) | (end < body.count ? 1 : 0)
        let length = part.count + 8
        let next = head[20]
        (head[18], head[19], head[20]) = (UInt8(length >> 8), UInt8(length & 255), 44)
        head += [next, 0, UInt8(place >> 8), UInt8(place & 255)]
        head += (0..<4).map { UInt8(truncatingIfNeeded: id >> UInt32(24 - 8 * $0)) }
      } else {
        let place = UInt16(offset / 8) | (end < body.count ? 0x2000 : 0)
        let length = part.count + 20
        (head[16], head[17], head[20], head[21]) = (
          UInt8(length >> 8), UInt8(length & 255), UInt8(place >> 8), UInt8(place & 255)
        )
        (head[24], head[25]) = (0, 0)
        let sum = internetChecksum(Array(head[14..<34]))
        (head[24], head[25]) = (UInt8(sum >> 8), UInt8(sum & 255))
      }
      return head + part
    }
  }

  /// The packet that fragments in their order make.
  public static func join(_ pieces: [[UInt8]]) -> [UInt8] {
    guard var whole = pieces.first else { return [] }
    let six = whole[12] == 0x86
    let header = six ? 62 : 34
    if six {
      whole[20] = whole[54]
      whole.removeSubrange(54..<62)
    }
    for piece in pieces.dropFirst() { whole += piece[header...] }
    let length = whole.count - (six ? 54 : 14)
    let at = six ? 18 : 16
    (whole[at], whole[at + 1]) = (UInt8(length >> 8), UInt8(length & 255))
    if !six {
      (whole[20], whole[21], whole[24], whole[25]) = (0, 0, 0, 0)
      let sum = internetChecksum(Array(whole[14..<34]))
      (whole[24], whole[25]) = (UInt8(sum >> 8), UInt8(sum & 255))
    }
    return whole
  }

  /// Whether the transport's checksum holds over the packet and its pseudo-header.
  public static func sumsHold(_ frame: [UInt8]) -> Bool {
    let six = frame[12] == 0x86
    let transport = six ? 54 : 34
    let body = Array(frame[transport...])
    let addresses = six ? frame[22..<54] : frame[26..<34]
    let pseudo = addresses + [0, six ? frame[20] : frame[23], UInt8(body.count >> 8), UInt8(body.count & 255)]
    return internetChecksum(Array(pseudo) + body) == 0
  }
}
