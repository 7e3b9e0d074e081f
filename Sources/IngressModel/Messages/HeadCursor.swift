/// Walks along a head whose end is known.
struct HeadCursor {
  let bytes: UnsafeBufferPointer<UInt8>
  let limits: HeadLimits
  var at = 0

  init(bytes: UnsafeBufferPointer<UInt8>, limits: HeadLimits) {
    self.bytes = bytes
    self.limits = limits
  }

  func slice(_ range: Range<Int>) -> UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(rebasing: bytes[range]) }

  /// The end of this line, before its CR LF.
  private mutating func line() throws(HeadFault) -> Range<Int> {
    let start = at
    var index = at
    let count = bytes.count
    while index < count {
      let byte = bytes[index]
      if byte == 13 {
        guard index + 1 < count, bytes[index + 1] == 10 else { throw .malformed }
        at = index + 2
        return start..<index
      }
      // A bare line feed, and what no head may hold.
      if byte < 0x20 && byte != 9 || byte == 0x7f { throw .malformed }
      index += 1
    }
    throw .malformed
  }

  // MARK: First lines

  mutating func requestLine(_ head: inout MessageHead) throws(HeadFault) {
    let line = try self.line()
    // An empty line before a request is passed over by none of ours: it was never needed.
    guard line.count <= limits.line else { throw .targetTooLong }
    var index = line.lowerBound
    while index < line.upperBound, Characters.isToken(bytes[index]) { index += 1 }
    guard index > line.lowerBound, index < line.upperBound, bytes[index] == 32 else { throw .badMethod }
    head.method = line.lowerBound..<index
    let start = index + 1
    index = start
    while index < line.upperBound, bytes[index] > 32, bytes[index] != 35 { index += 1 }
    guard index > start, index < line.upperBound, bytes[index] == 32 else { throw .badTarget }
    head.target = start..<index
    head.minorVersion = try version(index + 1..<line.upperBound)
    try splitTarget(&head)
  }

  /// `HTTP/1.0` or `HTTP/1.1`, or another minor version, which counts as 1.1 (RFC 9110, section 2.5).
  private func version(_ range: Range<Int>) throws(HeadFault) -> Int {
    guard range.count == 8, slice(range.lowerBound..<range.lowerBound + 5).elementsEqual("HTTP/".utf8),
      bytes[range.lowerBound + 6] == 46, bytes[range.lowerBound + 5] &- 48 < 10, bytes[range.lowerBound + 7] &- 48 < 10
    else { throw .badVersion }
    guard bytes[range.lowerBound + 5] == 49 else { throw .badVersion }
    return bytes[range.lowerBound + 7] == 48 ? 0 : 1
  }

  mutating func statusLine(_ head: inout MessageHead) throws(HeadFault) {
    let line = try self.line()
    guard line.count >= 12 else { throw .badStatus }
    let start = line.lowerBound
    head.minorVersion = try version(start..<start + 8)
    guard bytes[start + 8] == 32, line.count == 12 || bytes[start + 12] == 32 else { throw .badStatus }
    var status = 0
    for index in start + 9..<start + 12 {
      let digit = bytes[index] &- 48
      guard digit < 10 else { throw .badStatus }
      status = status * 10 + Int(digit)
    }
    guard (100...599).contains(status) else { throw .badStatus }
    head.status = status
  }

  /// Origin form, absolute form, or the asterisk of OPTIONS (RFC 9112, section 3.2). CONNECT's form is refused.
  private func splitTarget(_ head: inout MessageHead) throws(HeadFault) {
    var start = head.target.lowerBound
    let end = head.target.upperBound
    if bytes[start] == 42, head.target.count == 1 {
      guard slice(head.method).elementsEqual("OPTIONS".utf8) else { throw .badTarget }
      head.path = head.target
      return
    }
    if bytes[start] != 47 {
      let scheme = [UInt8]("http".utf8)
      guard head.target.count > 7, scheme.withUnsafeBufferPointer({ slice(start..<start + 4).equalsIgnoringCase($0) })
      else { throw .badTarget }
      start += bytes[start + 4].lowercased == 115 ? 5 : 4
      guard start + 3 <= end, bytes[start] == 58, bytes[start + 1] == 47, bytes[start + 2] == 47 else {
        throw .badTarget
      }
      start += 3
      var stop = start
      while stop < end, bytes[stop] != 47, bytes[stop] != 63 { stop += 1 }
      guard stop > start else { throw .badTarget }
      head.authority = start..<stop
      start = stop
    }
    var stop = start
    while stop < end, bytes[stop] != 63 { stop += 1 }
    // Empty in `http://host` and `http://host?query`: it means `/`.
    head.path = start..<stop
    head.query = stop < end ? stop + 1..<end : nil
    if try PathCheck.climbs(slice(head.path)) { throw .pathClimbs }
  }

  // MARK: Fields

  mutating func fields(_ head: inout MessageHead) throws(HeadFault) {
    while true {
      let line = try self.line()
      if line.isEmpty {
        guard at == bytes.count else { throw .malformed }
        return
      }
      guard head.fields.count < limits.fields else { throw .headTooLong }
      var index = line.lowerBound
      while index < line.upperBound, Characters.isToken(bytes[index]) { index += 1 }
      // Blanks before a name or behind it, as in lines that go on, are read differently by different servers.
      guard index > line.lowerBound, index < line.upperBound, bytes[index] == 58 else { throw .badField }
      let name = line.lowerBound..<index
      var from = index + 1
      var to = line.upperBound
      while from < to, bytes[from] == 32 || bytes[from] == 9 { from += 1 }
      while to > from, bytes[to - 1] == 32 || bytes[to - 1] == 9 { to -= 1 }
      head.fields.append(
        MessageHead.Field(
          name: name, value: from..<to, known: KnownField(slice(name)), line: line.lowerBound..<at))
    }
  }
}
