import Glibc

/// Formats numbers as printf(3) does; the arguments are `Int32`, `Int64`, `UInt64` and `Double`.
func formatted(_ format: String, _ values: any CVarArg...) -> String {
  withVaList(values) { list in
    var buffer = [CChar](repeating: 0, count: 512)
    let length = vsnprintf(&buffer, buffer.count, format, list)
    return String(decoding: buffer.prefix(Int(max(0, min(length, 511)))).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

func errnoText(_ number: CInt) -> String { String(cString: strerror(number)) }

extension String {
  /// With blanks in front, if it is shorter.
  func atRight(_ width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }
  /// With blanks behind, if it is shorter.
  func atLeft(_ width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}

/// Moments of the monotonic clock, nanoseconds.
enum Clock {
  static var now: UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
  }

  /// Seconds and microseconds since 1970, as iperf3's datagrams carry them.
  static var wall: (seconds: UInt32, microseconds: UInt32) {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return (UInt32(truncatingIfNeeded: time.tv_sec), UInt32(truncatingIfNeeded: time.tv_nsec / 1000))
  }

  /// A date as HTTP writes it (RFC 9110, section 5.6.7), which iperf3 prints too.
  static func date(_ seconds: Int64) -> String {
    var moment = time_t(seconds)
    var parts = tm()
    gmtime_r(&moment, &parts)
    var buffer = [CChar](repeating: 0, count: 64)
    let length = strftime(&buffer, buffer.count, "%a, %d %b %Y %H:%M:%S GMT", &parts)
    return String(decoding: buffer.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
