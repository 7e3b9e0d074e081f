import Glibc

/// A point in time of the calendar, for people and logs.
public struct WallTime: Hashable, Sendable {
  /// Since 1970, in UTC; from 0 to the end of the year 9999.
  public let seconds: Int
  /// From 0 to 999,999,999.
  public let nanoseconds: Int

  public init(seconds: Int, nanoseconds: Int = 0) {
    self.seconds = min(max(seconds, 0), 253_402_300_799)
    self.nanoseconds = min(max(nanoseconds, 0), 999_999_999)
  }

  public static func now() -> WallTime {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return WallTime(seconds: time.tv_sec, nanoseconds: time.tv_nsec)
  }
}

/// The date as logs write it, made once a second. Always UTC, so that lines of several machines compare.
struct LogClock {
  private var second = -1
  /// "21/Nov/2026:20:00:48 +0000", as web servers have written it since the first.
  private(set) var common: [UInt8] = []
  /// "2026-11-21T20:00:48", to be followed by a fraction and Z (RFC 3339).
  private(set) var iso: [UInt8] = []

  mutating func set(_ time: WallTime) {
    guard time.seconds != second else { return }
    second = time.seconds
    let (year, month, day) = Self.date(ofDay: second / 86_400)
    let clock = [second % 86_400 / 3600, second % 3600 / 60, second % 60]

    common.removeAll(keepingCapacity: true)
    common.write(day, digits: 2)
    common.write("/" + Self.months[month - 1] + "/")
    common.write(year, digits: 4)
    for part in clock {
      common.append(UInt8(ascii: ":"))
      common.write(part, digits: 2)
    }
    common.write(" +0000")

    iso.removeAll(keepingCapacity: true)
    for (separator, part, digits) in [("", year, 4), ("-", month, 2), ("-", day, 2)] {
      iso.write(separator)
      iso.write(part, digits: digits)
    }
    for (separator, part) in zip(["T", ":", ":"], clock) {
      iso.write(separator)
      iso.write(part, digits: 2)
    }
  }

  private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

  /// The Gregorian date of a day since 1970: years counted from March, so that the leap day is a year's last.
  static func date(ofDay day: Int) -> (year: Int, month: Int, day: Int) {
    let sinceMarch0000 = day + 719_468
    let era = sinceMarch0000 / 146_097
    let dayOfEra = sinceMarch0000 % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    return (
      yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    )
  }
}
