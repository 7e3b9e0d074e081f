/// Cuts what a restore reads into lines of words, as it arrives.
///
/// Blanks, tabs and carriage returns divide words; there are no quotes and no comments. A word ends at a NUL, the
/// rest of it is lost. The word `ipvsadm` is dropped wherever it stands.
struct RestoreLines {
  private var buffer: [UInt8] = []
  private var position = 0
  private var ended = false
  private let comments: Bool

  /// - Parameter comments: Whether lines whose first byte is `#` are left out.
  init(comments: Bool = false) {
    self.comments = comments
  }

  /// The next line's words, nil after the last line.
  mutating func next(from read: () -> [UInt8]?) -> [String]? {
    var words: [String] = []
    var word: [UInt8] = []
    var inWord = false
    var cut = false
    var any = false
    var comment = false
    func finish() {
      guard inWord else { return }
      words.append(String(decoding: word, as: UTF8.self))
    }
    while let byte = byte(from: read) {
      if !any { comment = comments && byte == UInt8(ascii: "#") }
      any = true
      if comment {
        if byte == 0x0a { return [] }
        continue
      }
      switch byte {
      case 0x0a:
        finish()
        return Self.withoutProgram(words)
      case 0x20, 0x09, 0x0d:
        finish()
        word.removeAll(keepingCapacity: true)
        (inWord, cut) = (false, false)
      case 0:
        (inWord, cut) = (true, true)
      default:
        inWord = true
        if !cut { word.append(byte) }
      }
    }
    finish()
    return any ? Self.withoutProgram(words) : nil
  }

  private static func withoutProgram(_ words: [String]) -> [String] {
    words.contains("ipvsadm") ? words.filter { $0 != "ipvsadm" } : words
  }

  private mutating func byte(from read: () -> [UInt8]?) -> UInt8? {
    while position == buffer.count {
      if ended { return nil }
      guard let more = read() else {
        ended = true
        return nil
      }
      buffer = more
      position = 0
    }
    position += 1
    return buffer[position - 1]
  }
}
