import Glibc

/// Prints a line at once: what goes to a file or a pipe would else come all together at the end.
///
/// - Throws: `outputLost`, so that what the demo built is taken down also when nobody reads on.
func say(_ line: String) throws(DemoError) {
  print(line)
  guard fflush(nil) == 0 else { throw .outputLost(errno) }
}

/// The demo's longer texts.
enum Text {
  static func introduction(_ lab: String) throws(DemoError) {
    try say(
      """
      A client, a director and three real servers, each a network namespace of this machine (\(lab)-…):

        client 10.1.0.2 --- switch --- director 10.1.0.1 --- switch --- rs1, rs2, rs3 10.2.0.11 - .13
                              |        VIPs 10.1.0.100 to .103
                              +--- rs1, rs2, rs3 10.1.0.11 - .13   (their second leg, for DR)

      The servers run nginx; each serves a page with its name. The director's packet path is XDP.
      """)
  }

  /// A line on standard error.
  static func complain(_ message: String) {
    let bytes = Array("svs: \(message)\n".utf8)
    _ = write(STDERR_FILENO, bytes, bytes.count)
  }

  /// A count with thin groups: 1,234,567.
  static func grouped(_ number: Int) -> String {
    var text = ""
    for (position, digit) in String(number).reversed().enumerated() {
      if position > 0, position % 3 == 0 { text.append(",") }
      text.append(digit)
    }
    return String(text.reversed())
  }

  /// A ratio with one decimal.
  static func ratio(_ value: Int, of base: Int) -> String {
    let tenths = base == 0 ? 0 : (value * 10 + base / 2) / base
    return "\(tenths / 10).\(tenths % 10)"
  }
}

extension String {
  func padded(_ width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
  func leftPadded(_ width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }
}
