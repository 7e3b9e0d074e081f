import VirtualServer

/// Standard streams in memory.
struct MemoryConsole: Console {
  var output = ""
  var errors = ""
  private var input: [UInt8]

  init(input: [UInt8] = []) {
    self.input = input
  }

  mutating func write(_ text: String) { output += text }
  mutating func complain(_ line: String) { errors += line + "\n" }

  /// Hands the input out in pieces, as a pipe may.
  mutating func read() -> [UInt8]? {
    guard !input.isEmpty else { return nil }
    defer { input.removeFirst(min(61, input.count)) }
    return Array(input.prefix(61))
  }
}
