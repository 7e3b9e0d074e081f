/// Text that is written into bytes, without strings in between.
extension [UInt8] {
  mutating func write(_ text: String) { append(contentsOf: text.utf8) }

  /// Text in which some bytes have another form; runs of the others are appended at once, for speed.
  ///
  /// - Parameter special: tells how many bytes from the start of a slice are to be replaced; 0: its first byte stays.
  @inline(__always)
  mutating func write(
    _ text: String, special: (Slice<UnsafeBufferPointer<UInt8>>) -> Int,
    as replace: (Slice<UnsafeBufferPointer<UInt8>>, inout [UInt8]) -> Void
  ) {
    var text = text
    text.withUTF8 { source in
      var start = 0
      var index = 0
      while index < source.count {
        let length = special(source[index...])
        if length == 0 {
          index += 1
          continue
        }
        append(contentsOf: UnsafeBufferPointer(rebasing: source[start..<index]))
        replace(source[index..<(index + length)], &self)
        index += length
        start = index
      }
      append(contentsOf: UnsafeBufferPointer(rebasing: source[start...]))
    }
  }

  mutating func write(_ number: UInt64) {
    var divisor: UInt64 = 1
    while number / divisor >= 10 { divisor *= 10 }
    while divisor > 0 {
      append(UInt8(ascii: "0") + UInt8(number / divisor % 10))
      divisor /= 10
    }
  }

  mutating func write(_ number: Int) {
    if number < 0 { append(UInt8(ascii: "-")) }
    write(UInt64(number.magnitude))
  }

  /// The last digits of a number, with leading zeros; of a negative one those of 0.
  mutating func write(_ number: Int, digits: Int) {
    let number = Swift.max(number, 0)
    var divisor = 1
    for _ in 1..<digits { divisor *= 10 }
    while divisor > 0 {
      append(UInt8(ascii: "0") + UInt8(number / divisor % 10))
      divisor /= 10
    }
  }

  /// A fraction of a power of ten, without zeros at its end: 1,500,000,000 of 9 digits is 1.5.
  mutating func write(_ number: UInt64, decimals: Int) {
    var scale: UInt64 = 1
    for _ in 0..<decimals { scale *= 10 }
    write(number / scale)
    var rest = number % scale
    guard rest > 0 else { return }
    append(UInt8(ascii: "."))
    while rest > 0 {
      scale /= 10
      append(UInt8(ascii: "0") + UInt8(rest / scale))
      rest %= scale
    }
  }

  mutating func writeHexadecimal(_ byte: UInt8) {
    for digit in [byte >> 4, byte & 15] {
      append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
    }
  }

  /// IPv4 with dots; IPv6 in RFC 5952's form, the longest run of zeros as "::".
  mutating func write(_ address: ClientAddress) {
    let bytes = address.bytes
    guard bytes.count == 16 else {
      for (index, byte) in bytes.enumerated() {
        if index > 0 { append(UInt8(ascii: ".")) }
        write(UInt64(byte))
      }
      return
    }
    let groups = (0..<8).map { UInt16(bytes[2 * $0]) << 8 | UInt16(bytes[2 * $0 + 1]) }
    var run = 0..<0
    var start = 0
    while start < 8 {
      let end = groups[start...].firstIndex { $0 != 0 } ?? 8
      if end - start > Swift.max(run.count, 1) { run = start..<end }
      start = end + 1
    }
    for (index, group) in groups.enumerated() where !run.contains(index) {
      if index > 0, index != run.upperBound || run.isEmpty { append(UInt8(ascii: ":")) }
      if index == run.upperBound, !run.isEmpty { write("::") }
      write(String(group, radix: 16))
    }
    if run.upperBound == 8 { write("::") }
  }
}
