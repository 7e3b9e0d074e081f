/// What the fields of a head mean together.
extension HeadCursor {
  mutating func settleRequest(_ head: inout MessageHead) throws(HeadFault) {
    head.keepsAlive = head.minorVersion == 1
    var hosts = 0
    var length: UInt64?
    var isChunked = false
    for field in head.fields {
      switch field.known {
      case .host:
        hosts += 1
        if head.authority.isEmpty { head.authority = field.value }
      case .contentLength: try add(field, to: &length)
      case .transferEncoding: try addEncoding(field, &isChunked)
      case .connection: connection(field, &head)
      default: break
      }
    }
    guard hosts == 1 || hosts == 0 && head.minorVersion == 0 else { throw .badHost }
    try splitAuthority(&head)
    if isChunked {
      guard length == nil, head.minorVersion == 1 else { throw .ambiguousLength }
      head.framing = .chunked
    } else if let length, length > 0 {
      head.framing = .length(length)
    }
  }

  mutating func settleResponse(_ head: inout MessageHead, toHEAD isHead: Bool) throws(HeadFault) {
    head.keepsAlive = head.minorVersion == 1
    var length: UInt64?
    var isChunked = false
    for field in head.fields {
      switch field.known {
      case .contentLength: try add(field, to: &length)
      case .transferEncoding: try addEncoding(field, &isChunked)
      case .connection: connection(field, &head)
      default: break
      }
    }
    if isChunked, length != nil { throw .ambiguousLength }
    if isHead || head.status < 200 || head.status == 204 || head.status == 304 {
      head.framing = .none
    } else if isChunked {
      head.framing = .chunked
    } else if let length {
      head.framing = length == 0 ? .none : .length(length)
    } else {
      head.framing = .untilClose
      head.keepsAlive = false
    }
  }

  /// RFC 9112, section 6.2; more than one is refused even where they agree.
  private func add(_ field: MessageHead.Field, to length: inout UInt64?) throws(HeadFault) {
    guard length == nil, !field.value.isEmpty, field.value.count <= 18 else { throw .ambiguousLength }
    // Some readers take a number with a leading zero for octal.
    guard field.value.count == 1 || bytes[field.value.lowerBound] != 48 else { throw .ambiguousLength }
    var value: UInt64 = 0
    for byte in slice(field.value) {
      let digit = byte &- 48
      guard digit < 10 else { throw .ambiguousLength }
      value = value * 10 + UInt64(digit)
    }
    length = value
  }

  private func addEncoding(_ field: MessageHead.Field, _ isChunked: inout Bool) throws(HeadFault) {
    if isChunked { throw .ambiguousLength }
    guard KnownField.match(slice(field.value), "chunked") else { throw .unknownEncoding }
    isChunked = true
  }

  /// Words between commas (RFC 9110, section 7.6.1).
  private func connection(_ field: MessageHead.Field, _ head: inout MessageHead) {
    for word in CommaList(slice(field.value)) {
      if KnownField.match(word, "close") {
        head.keepsAlive = false
      } else if KnownField.match(word, "keep-alive") {
        if head.minorVersion == 0 { head.keepsAlive = true }
      } else if KnownField.match(word, "upgrade") {
        head.wantsUpgrade = head.minorVersion == 1
      } else if !word.isEmpty {
        head.namesFields = true
      }
    }
  }

  /// `HOST[:PORT]`, the host a name, an IPv4 address or an IPv6 address in brackets (RFC 3986, section 3.2.2).
  private func splitAuthority(_ head: inout MessageHead) throws(HeadFault) {
    let range = head.authority
    guard !range.isEmpty else {
      head.host = range
      return
    }
    var index = range.lowerBound
    if bytes[index] == 91 {
      while index < range.upperBound, bytes[index] != 93 {
        let byte = bytes[index]
        guard
          byte == 91 && index == range.lowerBound || byte == 58 || byte == 46 || byte &- 48 < 10
            || byte.lowercased &- 97 < 6
        else { throw .badHost }
        index += 1
      }
      guard index < range.upperBound, index > range.lowerBound + 2 else { throw .badHost }
      head.host = range.lowerBound + 1..<index
      index += 1
    } else {
      while index < range.upperBound, bytes[index] != 58 {
        let byte = bytes[index]
        guard byte.lowercased &- 97 < 26 || byte &- 48 < 10 || byte == 45 || byte == 46 || byte == 95 else {
          throw .badHost
        }
        index += 1
      }
      guard index > range.lowerBound else { throw .badHost }
      head.host = range.lowerBound..<index
      // The dot behind a name that is complete belongs to no rule.
      if head.host.count > 1, bytes[head.host.upperBound - 1] == 46 { head.host = range.lowerBound..<index - 1 }
    }
    if index == range.upperBound { return }
    guard bytes[index] == 58, range.upperBound - index <= 6 else { throw .badHost }
    for byte in bytes[index + 1..<range.upperBound] where byte &- 48 >= 10 { throw .badHost }
  }
}

/// The words of a list, without the blanks around them.
public struct CommaList: Sequence, IteratorProtocol {
  private let bytes: UnsafeBufferPointer<UInt8>
  private var at = 0

  public init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

  public mutating func next() -> UnsafeBufferPointer<UInt8>? {
    guard at < bytes.count else { return nil }
    var from = at
    while at < bytes.count, bytes[at] != 44 { at += 1 }
    var to = at
    at += 1
    while from < to, bytes[from] == 32 || bytes[from] == 9 { from += 1 }
    while to > from, bytes[to - 1] == 32 || bytes[to - 1] == 9 { to -= 1 }
    return UnsafeBufferPointer(rebasing: bytes[from..<to])
  }
}
