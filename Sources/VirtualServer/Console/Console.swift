/// Where a command reads and writes.
public protocol Console {
  /// Appends to standard output.
  mutating func write(_ text: String)
  /// Writes a line to standard error.
  mutating func complain(_ line: String)
  /// The next bytes of standard input, nil at its end.
  mutating func read() -> [UInt8]?
  /// Why standard input ended early; nil where it came to its end.
  var inputFailure: String? { get }
}

extension Console {
  public var inputFailure: String? { nil }
}
