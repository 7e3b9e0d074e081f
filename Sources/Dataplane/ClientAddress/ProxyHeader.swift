import DataplaneTypes

/// The header that the PROXY protocol puts before a stream: who the client is, and whom it asked.
///
/// Source: "The PROXY protocol, versions 1 & 2" (haproxy.org), sections 2.1 and 2.2.
public enum ProxyHeader {
  /// The most bytes of version 1, its line's end included.
  @inlinable public static var limit: UInt32 { 107 }

  /// Writes version 2 for TCP on the bench.
  @inlinable @inline(__always)
  static func writeBinary(_ bench: UnsafeMutablePointer<svs_workbench>, _ c: UnsafeMutablePointer<svs_connection>) {
    let text = UnsafeMutableRawPointer(bench.pointer(to: \.text).unsafelyUnwrapped)
    let words = text.assumingMemoryBound(to: UInt32.self)
    words[0] = UInt32(0x0d0a_0d0a).bigEndian
    words[1] = UInt32(0x000d_0a51).bigEndian
    words[2] = UInt32(0x5549_540a).bigEndian
    if c.pointee.family == Family.ipv4 {
      words[3] = UInt32(0x2111_000c).bigEndian
      words[4] = c.pointee.client.w0
      words[5] = c.pointee.vip.w0
      words[6] = svs_flow_key.ports(c.pointee.cport, c.pointee.vport)
      bench.pointee.length = 28
    } else {
      words[3] = UInt32(0x2121_0024).bigEndian
      (text + 16).assumingMemoryBound(to: svs_addr.self).pointee = c.pointee.client
      (text + 32).assumingMemoryBound(to: svs_addr.self).pointee = c.pointee.vip
      words[12] = svs_flow_key.ports(c.pointee.cport, c.pointee.vport)
      bench.pointee.length = 52
    }
  }

  /// Writes version 1 on the bench.
  @inlinable @inline(__always)
  static func writeLine<P: Platform>(
    _ bench: UnsafeMutablePointer<svs_workbench>, _ c: UnsafeMutablePointer<svs_connection>, _ platform: P
  ) {
    let words = UnsafeMutableRawPointer(bench.pointer(to: \.text).unsafelyUnwrapped)
      .assumingMemoryBound(to: UInt32.self)
    let four = c.pointee.family == Family.ipv4
    words[0] = UInt32(0x5052_4f58).bigEndian
    words[1] = UInt32(0x5920_5443).bigEndian
    words[2] = (four ? UInt32(0x5034_2000) : UInt32(0x5036_2000)).bigEndian
    bench.pointee.length = 11
    write(c.pointee.client, four, bench, platform)
    write(c.pointee.vip, four, bench, platform)
    let space: UInt32 = 0x20
    platform.append(UInt32(UInt16(bigEndian: c.pointee.cport)), base: 10, before: space)
    platform.append(UInt32(UInt16(bigEndian: c.pointee.vport)), base: 10, before: 0x0d)
    platform.append(0, base: 0, before: 0x0a)
  }

  @inlinable @inline(__always)
  static func write<P: Platform>(
    _ address: svs_addr, _ four: Bool, _ bench: UnsafeMutablePointer<svs_workbench>, _ platform: P
  ) {
    let space: UInt32 = 0x20
    if four {
      let dot: UInt32 = 0x2e
      let value = UInt32(bigEndian: address.w0)
      platform.append(value >> 24, base: 10, before: dot)
      platform.append(value >> 16 & 255, base: 10, before: dot)
      platform.append(value >> 8 & 255, base: 10, before: dot)
      platform.append(value & 255, base: 10, before: space)
      return
    }
    // By way of memory: the verifier need not tell the ways apart that lead here.
    bench.pointee.zeros = longestRun(address)
    let zeros = svs_opaque(bench).assumingMemoryBound(to: svs_workbench.self).pointee.zeros
    platform.append(0, base: 0, before: colon & (0 &- (zeros & 1)))
    writeGroups(address.w0, at: 0, zeros, platform)
    writeGroups(address.w1, at: 2, zeros, platform)
    writeGroups(address.w2, at: 4, zeros, platform)
    writeGroups(address.w3, at: 6, zeros, platform)
    platform.append(0, base: 0, before: space)
  }

  @inlinable static var colon: UInt32 { 0x3a }

  /// The groups of zeros that RFC 5952, section 4.2, has written as `::`: the longest run of two or more, the first of
  /// several. Bit n stands for group n.
  @inlinable @inline(__always)
  static func longestRun(_ address: svs_addr) -> UInt32 {
    var zeros = isZero(address.w0, at: 0) | isZero(address.w1, at: 2)
    zeros |= isZero(address.w2, at: 4) | isZero(address.w3, at: 6)
    // Where runs of so many begin.
    var starts = zeros & zeros >> 1
    if starts == 0 { return 0 }
    var ones: UInt32 = 3
    for distance in UInt32(2)..<8 {
      let longer = starts & zeros >> distance
      if longer != 0, ones >> distance == 0, ones >> (distance &- 1) != 0 {
        starts = longer
        ones = ones << 1 | 1
      }
    }
    return ones &* (starts & (0 &- starts))
  }

  @inlinable @inline(__always)
  static func isZero(_ word: UInt32, at group: UInt32) -> UInt32 {
    let value = UInt32(bigEndian: word)
    let first: UInt32 = value >> 16 == 0 ? 1 : 0
    let second: UInt32 = value & 0xffff == 0 ? 2 : 0
    return (first | second) << group
  }

  @inlinable @inline(__always)
  static func writeGroups<P: Platform>(_ word: UInt32, at group: UInt32, _ zeros: UInt32, _ platform: P) {
    let value = UInt32(bigEndian: word)
    writeGroup(value >> 16, at: group, zeros, platform)
    writeGroup(value & 0xffff, at: group &+ 1, zeros, platform)
  }

  /// Without branches, which the verifier would have to follow each way: of a run only the first group shows, as a colon.
  @inlinable @inline(__always)
  static func writeGroup<P: Platform>(_ value: UInt32, at group: UInt32, _ zeros: UInt32, _ platform: P) {
    let isInside = zeros >> group & 1
    let isFirst = (zeros & (0 &- zeros)) >> group & 1
    let otherwise = group < 7 ? colon : 0
    let separator = colon & (0 &- isFirst) | otherwise & (isInside &- 1)
    platform.append(value, base: 16 & (isInside &- 1), before: separator)
  }

  /// Appends a number of at most 16 bits without leading zeros, and one more character, if any; of base 0 only that.
  @inlinable @inline(__always)
  public static func append(
    _ bench: UnsafeMutablePointer<svs_workbench>, _ value: UInt32, base: UInt32, before separator: UInt32
  ) {
    if base == 10 {
      digit(bench, value / 10_000 % 10, value >= 10_000)
      digit(bench, value / 1_000 % 10, value >= 1_000)
      digit(bench, value / 100 % 10, value >= 100)
      digit(bench, value / 10 % 10, value >= 10)
      digit(bench, value % 10, true)
    } else if base == 16 {
      digit(bench, value >> 12 & 15, value >= 0x1000)
      digit(bench, value >> 8 & 15, value >= 0x100)
      digit(bench, value >> 4 & 15, value >= 0x10)
      digit(bench, value & 15, true)
    }
    if separator != 0 { put(bench, UInt8(truncatingIfNeeded: separator)) }
  }

  @inlinable @inline(__always)
  static func digit(_ bench: UnsafeMutablePointer<svs_workbench>, _ value: UInt32, _ isShown: Bool) {
    if isShown { put(bench, UInt8(truncatingIfNeeded: value &+ (value < 10 ? 0x30 : 0x57))) }
  }

  @inlinable @inline(__always)
  static func put(_ bench: UnsafeMutablePointer<svs_workbench>, _ character: UInt8) {
    let length = bench.pointee.length
    let text = UnsafeMutableRawPointer(bench.pointer(to: \.text).unsafelyUnwrapped)
    text.storeBytes(of: character, toByteOffset: Int(length & 127), as: UInt8.self)
    bench.pointee.length = length &+ 1
  }
}
