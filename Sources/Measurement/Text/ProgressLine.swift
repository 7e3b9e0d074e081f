import Glibc

/// A line on standard error that tells how far a measurement has come, on a terminal only.
///
/// Each text takes the place of the one before; `clear` before printing anything else.
public struct ProgressLine: Sendable {
  private let isShown: Bool
  private var isDrawn = false

  /// - Parameter isWanted: false keeps it silent on a terminal too.
  public init(isWanted: Bool = true) {
    isShown = isWanted && isatty(STDERR_FILENO) == 1
  }

  public mutating func show(_ text: @autoclosure () -> String) {
    guard isShown else { return }
    var size = winsize()
    let width = ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 1 ? Int(size.ws_col) - 1 : 79
    write("\r\u{1b}[K" + text().prefix(width))
    isDrawn = true
  }

  public mutating func clear() {
    if isDrawn { write("\r\u{1b}[K") }
    isDrawn = false
  }

  private func write(_ text: String) {
    // What is told in passing may be lost; the measurement goes on.
    let bytes = Array(text.utf8)
    _ = Glibc.write(STDERR_FILENO, bytes, bytes.count)
  }
}
