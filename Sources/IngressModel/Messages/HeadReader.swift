import Glibc

/// Reads heads of HTTP/1 messages (RFC 9112), strictly: what two readers could understand differently is refused, since
/// behind a proxy there is always a second one.
public struct HeadReader: Sendable {
  public enum Outcome: Sendable {
    /// More bytes are needed.
    case incomplete
    case complete
    case refused(HeadFault)
  }

  public var limits: HeadLimits
  /// Where the search for the end goes on.
  private var searched = 0

  public init(limits: HeadLimits = HeadLimits()) { self.limits = limits }

  /// Reads a request's head at the start of the bytes; what has been looked at is not looked at again.
  public mutating func request(_ bytes: UnsafeBufferPointer<UInt8>, into head: inout MessageHead) -> Outcome {
    read(bytes, into: &head) { (cursor, head) throws(HeadFault) in
      try cursor.requestLine(&head)
      try cursor.fields(&head)
      try cursor.settleRequest(&head)
    }
  }

  /// Reads a response's head.
  ///
  /// - Parameter isHead: whether the request was HEAD, whose answers have no body.
  public mutating func response(
    _ bytes: UnsafeBufferPointer<UInt8>, toHEAD isHead: Bool, into head: inout MessageHead
  ) -> Outcome {
    read(bytes, into: &head) { (cursor, head) throws(HeadFault) in
      try cursor.statusLine(&head)
      try cursor.fields(&head)
      try cursor.settleResponse(&head, toHEAD: isHead)
    }
  }

  private mutating func read(
    _ bytes: UnsafeBufferPointer<UInt8>, into head: inout MessageHead,
    _ body: (inout HeadCursor, inout MessageHead) throws(HeadFault) -> Void
  ) -> Outcome {
    guard let end = end(bytes) else {
      // Whoever sends no line end is refused as early as whoever sends too much.
      let line = limits.line
      if bytes.count > line, !bytes.prefix(line).contains(10) { return .refused(.targetTooLong) }
      return bytes.count > limits.head ? .refused(.headTooLong) : .incomplete
    }
    searched = 0
    guard end <= limits.head else { return .refused(.headTooLong) }
    head.clear()
    head.length = end
    var cursor = HeadCursor(bytes: UnsafeBufferPointer(rebasing: bytes[..<end]), limits: limits)
    do throws(HeadFault) { try body(&cursor, &head) } catch { return .refused(error) }
    return .complete
  }

  /// Behind the first empty line. Line ends other than CR LF end a head too: they are refused when it is read.
  private mutating func end(_ bytes: UnsafeBufferPointer<UInt8>) -> Int? {
    guard let base = bytes.baseAddress else { return nil }
    let start = UnsafeRawPointer(base)
    var index = searched
    let count = bytes.count
    while index < count, let found = memchr(start + index, 10, count - index) {
      index = UnsafeRawPointer(found) - start
      // The line end of an empty line, unless it is the first.
      if index >= 3, bytes[index - 1] == 13, bytes[index - 2] == 10 { return index + 1 }
      if index >= 1, bytes[index - 1] == 10 { return index + 1 }
      index += 1
    }
    searched = count
    return nil
  }
}
