import Glibc

/// Reads HTTP/1.1 responses as they arrive, in pieces of any size (RFC 9112). Keeps no bytes of the body.
package struct ResponseParser {
  /// Why what the server sent is no response.
  package enum Malformed: String, Error, Sendable {
    case statusLine = "the status line is not one of HTTP/1.x"
    case header = "a header line has no name or no colon"
    case length = "Content-Length is not one number"
    case chunk = "a chunk's size is not a hexadecimal number"
    case chunkEnd = "a chunk does not end where it says"
    case tooLong = "the response's head is longer than 64 KiB"
    case unasked = "it switches protocols unasked"
  }

  private enum Phase {
    case status, headers, fixed, chunkSize, chunkData, chunkEnd, trailers, untilClose, complete
  }

  /// The longest head, chunk line or trailer that is read, in bytes.
  package static let longestHead = 64 << 10

  private var phase = Phase.status
  private var isHead = false
  private var held: [UInt8] = []
  private var headBytes = 0
  private var remaining: UInt64 = 0
  private var length: UInt64?
  private var isChunked = false
  private var hasOtherCoding = false
  private var saysClose = false
  private var saysKeepAlive = false
  private var isHTTP10 = false
  package private(set) var status = 0
  /// Bytes of content, without its framing.
  package private(set) var contentLength: UInt64 = 0

  package init() {}

  /// Whether the response has been read to its end.
  package var isComplete: Bool { phase == .complete }

  /// Whether anything of the response has come.
  package var hasBegun: Bool { phase != .status || !held.isEmpty }

  /// Whether another request may follow on the connection.
  package var keepsAlive: Bool { isHTTP10 ? saysKeepAlive : !saysClose }

  /// Prepares for the response to a request; one to HEAD has no body.
  package mutating func begin(isHead: Bool) {
    self.isHead = isHead
    contentLength = 0
    beginHead()
  }

  private mutating func beginHead() {
    phase = .status
    if !held.isEmpty { held.removeAll(keepingCapacity: true) }
    headBytes = 0
    remaining = 0
    length = nil
    isChunked = false
    hasOtherCoding = false
    saysClose = false
    saysKeepAlive = false
    isHTTP10 = false
    status = 0
  }

  /// Takes bytes; returns how many of them belong to the response.
  package mutating func consume(_ bytes: UnsafeRawBufferPointer) throws(Malformed) -> Int {
    var at = 0
    while at < bytes.count {
      switch phase {
      case .complete: return at
      case .untilClose:
        contentLength &+= UInt64(bytes.count - at)
        return bytes.count
      case .fixed, .chunkData:
        let some = Int(min(remaining, UInt64(bytes.count - at)))
        at += some
        contentLength &+= UInt64(some)
        remaining -= UInt64(some)
        if remaining == 0 { phase = phase == .fixed ? .complete : .chunkEnd }
      case .status, .headers, .chunkSize, .chunkEnd, .trailers:
        at = try consumeLine(bytes, from: at)
      }
    }
    return at
  }

  /// The server has closed its side; returns whether that ends the response as it should.
  package mutating func close() -> Bool {
    saysClose = true
    if phase == .untilClose { phase = .complete }
    return phase == .complete
  }

  private mutating func consumeLine(_ bytes: UnsafeRawBufferPointer, from start: Int) throws(Malformed) -> Int {
    let rest = UnsafeRawBufferPointer(rebasing: bytes[start...])
    guard let base = rest.baseAddress else { return start }
    guard let found = memchr(base, 10, rest.count) else {
      headBytes += rest.count
      guard headBytes <= ResponseParser.longestHead else { throw .tooLong }
      held.append(contentsOf: rest)
      return bytes.count
    }
    let count = UnsafeRawPointer(found) - base
    headBytes += count + 1
    guard headBytes <= ResponseParser.longestHead else { throw .tooLong }
    if held.isEmpty {
      try takeLine(UnsafeRawBufferPointer(rebasing: rest[..<count]))
    } else {
      held.append(contentsOf: rest[..<count])
      let line = held
      held.removeAll(keepingCapacity: true)
      let result = line.withUnsafeBytes { bytes -> Result<Void, Malformed> in
        do throws(Malformed) {
          try takeLine(bytes)
          return .success(())
        } catch { return .failure(error) }
      }
      try result.get()
    }
    return start + count + 1
  }

  private mutating func takeLine(_ raw: UnsafeRawBufferPointer) throws(Malformed) {
    let line = raw.last == 13 ? UnsafeRawBufferPointer(rebasing: raw.dropLast()) : raw
    switch phase {
    case .status: try takeStatus(line)
    case .headers:
      if line.isEmpty { try endHead() } else { try takeHeader(line) }
    case .chunkSize:
      headBytes = 0
      remaining = try ResponseParser.chunkSize(line)
      phase = remaining == 0 ? .trailers : .chunkData
    case .chunkEnd:
      guard line.isEmpty else { throw .chunkEnd }
      headBytes = 0
      phase = .chunkSize
    case .trailers: if line.isEmpty { phase = .complete }
    case .fixed, .chunkData, .untilClose, .complete: break
    }
  }

  private mutating func takeStatus(_ line: UnsafeRawBufferPointer) throws(Malformed) {
    // Empty lines before a status line are not in the grammar, yet some servers leave one after a body.
    if line.isEmpty, headBytes <= 2 { return }
    guard line.count >= 12, line.starts(with: "HTTP/1.".utf8), line[8] == 32 else { throw .statusLine }
    guard line[7] == 0x30 || line[7] == 0x31, line.count == 12 || line[12] == 32 else { throw .statusLine }
    var number = 0
    for digit in line[9..<12] {
      guard digit >= 0x30, digit <= 0x39 else { throw .statusLine }
      number = number * 10 + Int(digit - 0x30)
    }
    guard number >= 100 else { throw .statusLine }
    isHTTP10 = line[7] == 0x30
    status = number
    phase = .headers
  }

  private mutating func takeHeader(_ line: UnsafeRawBufferPointer) throws(Malformed) {
    guard let base = line.baseAddress, line[0] != 32, line[0] != 9 else {
      // A folded value (obsolete, RFC 9112 section 5.2) belongs to a header that is none of the three below.
      return
    }
    guard let colon = memchr(base, 0x3A, line.count) else { throw .header }
    let count = UnsafeRawPointer(colon) - base
    guard count > 0, line[count - 1] != 32, line[count - 1] != 9 else { throw .header }
    // The three that matter differ in length from nearly all others.
    switch count {
    case 14 where ResponseParser.matches(line, "content-length"):
      let number = try ResponseParser.decimal(ResponseParser.value(line, after: count))
      guard length == nil || length == number else { throw .length }
      length = number
    case 17 where ResponseParser.matches(line, "transfer-encoding"):
      let value = ResponseParser.value(line, after: count)
      isChunked = ResponseParser.endsWithToken(value, "chunked")
      hasOtherCoding = !isChunked
    case 10 where ResponseParser.matches(line, "connection"):
      let value = ResponseParser.value(line, after: count)
      if ResponseParser.hasToken(value, "close") { saysClose = true }
      if ResponseParser.hasToken(value, "keep-alive") { saysKeepAlive = true }
    default: break
    }
  }

  /// How long the body is: RFC 9112, section 6.3.
  private mutating func endHead() throws(Malformed) {
    if status < 200 {
      guard status != 101 else { throw .unasked }
      beginHead()
      return
    }
    headBytes = 0
    if isHead || status == 204 || status == 304 {
      phase = .complete
    } else if isChunked {
      phase = .chunkSize
    } else if hasOtherCoding {
      saysClose = true
      phase = .untilClose
    } else if let length {
      remaining = length
      phase = length == 0 ? .complete : .fixed
    } else {
      saysClose = true
      phase = .untilClose
    }
  }
}

extension ResponseParser {
  private static func matches(_ line: UnsafeRawBufferPointer, _ name: StaticString) -> Bool {
    let start = name.utf8Start
    for index in 0..<name.utf8CodeUnitCount where line[index] | 0x20 != start[index] { return false }
    return true
  }

  private static func value(_ line: UnsafeRawBufferPointer, after colon: Int) -> UnsafeRawBufferPointer {
    var start = colon + 1
    var end = line.count
    while start < end, line[start] == 32 || line[start] == 9 { start += 1 }
    while end > start, line[end - 1] == 32 || line[end - 1] == 9 { end -= 1 }
    return UnsafeRawBufferPointer(rebasing: line[start..<end])
  }

  private static func decimal(_ value: UnsafeRawBufferPointer) throws(Malformed) -> UInt64 {
    guard !value.isEmpty, value.count <= 18 else { throw .length }
    var number: UInt64 = 0
    for digit in value {
      guard digit >= 0x30, digit <= 0x39 else { throw .length }
      number = number * 10 + UInt64(digit - 0x30)
    }
    return number
  }

  private static func chunkSize(_ line: UnsafeRawBufferPointer) throws(Malformed) -> UInt64 {
    var number: UInt64 = 0
    var digits = 0
    for byte in line {
      let digit: UInt8
      switch byte {
      case 0x30...0x39: digit = byte - 0x30
      case 0x41...0x46: digit = byte - 0x41 + 10
      case 0x61...0x66: digit = byte - 0x61 + 10
      case 0x3B, 32, 9:
        guard digits > 0 else { throw .chunk }
        return number
      default: throw .chunk
      }
      digits += 1
      guard digits <= 15 else { throw .chunk }
      number = number << 4 | UInt64(digit)
    }
    guard digits > 0 else { throw .chunk }
    return number
  }

  private static func tokens(_ value: UnsafeRawBufferPointer) -> [String] {
    value.split(separator: 0x2C).map { part in
      String(decoding: part.filter { $0 != 32 && $0 != 9 }, as: UTF8.self).lowercasedASCII
    }
  }

  private static func hasToken(_ value: UnsafeRawBufferPointer, _ token: StaticString) -> Bool {
    // "keep-alive" and "close" alone are what nearly all servers send.
    if value.count == token.utf8CodeUnitCount, matches(value, token) { return true }
    guard value.count > token.utf8CodeUnitCount, value.contains(0x2C) else { return false }
    return tokens(value).contains(String(describing: token))
  }

  private static func endsWithToken(_ value: UnsafeRawBufferPointer, _ token: StaticString) -> Bool {
    if value.count == token.utf8CodeUnitCount, matches(value, token) { return true }
    return tokens(value).last == String(describing: token)
  }
}

extension String {
  package var lowercasedASCII: String {
    String(decoding: utf8.map { $0 >= 0x41 && $0 <= 0x5A ? $0 | 0x20 : $0 }, as: UTF8.self)
  }
}
