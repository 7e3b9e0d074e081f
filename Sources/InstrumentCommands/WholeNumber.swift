import ArgumentParser

/// Whole numbers as words; the argument parser's own sentence for a negative port is that it is invalid.
enum WholeNumber {
  static func port(_ word: String) throws -> UInt16 {
    guard let port = UInt16(word) else { throw ValidationError("a port is 0 to 65535") }
    return port
  }

  static func seed(_ word: String) throws -> UInt64 {
    guard let seed = UInt64(word) else { throw ValidationError("a seed is a whole number from 0") }
    return seed
  }
}
