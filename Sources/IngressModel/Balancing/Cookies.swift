/// The Cookie header fields of a request (RFC 6265, section 4.2); several, as HTTP/2 may split them.
public struct Cookies: Sendable {
  public static let none = Cookies([])

  private let fields: [String]

  public init(_ fields: [String]) { self.fields = fields }

  /// The first cookie of a name, without the quotes that may stand around its value.
  public func value(of name: String) -> String? {
    var found: String?
    firstValue(of: name) { value in
      found = String(decoding: value, as: UTF8.self)
      return true
    }
    return found
  }

  /// Hands each value of a name to a closure until that says it was the one; nothing is allocated.
  @discardableResult
  func firstValue(of name: String, where isRight: (Slice<UnsafeBufferPointer<UInt8>>) -> Bool) -> Bool {
    for var field in fields {
      let isFound = field.withUTF8 { bytes in
        var name = name
        return name.withUTF8 { name in Self.scan(bytes, for: name, where: isRight) }
      }
      if isFound { return true }
    }
    return false
  }

  private static func scan(
    _ bytes: UnsafeBufferPointer<UInt8>, for name: UnsafeBufferPointer<UInt8>,
    where isRight: (Slice<UnsafeBufferPointer<UInt8>>) -> Bool
  ) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty {
      let end = rest.firstIndex(of: UInt8(ascii: ";")) ?? rest.endIndex
      let pair = rest[rest.startIndex..<end]
      rest = rest[min(end + 1, rest.endIndex)...]
      guard let equals = pair.firstIndex(of: UInt8(ascii: "=")) else { continue }
      guard trimmed(pair[pair.startIndex..<equals]).elementsEqual(name) else { continue }
      var value = trimmed(pair[(equals + 1)...])
      if value.count >= 2, value.first == UInt8(ascii: "\""), value.last == UInt8(ascii: "\"") {
        value = value.dropFirst().dropLast()
      }
      if isRight(value) { return true }
    }
    return false
  }

  private static func trimmed(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) -> Slice<UnsafeBufferPointer<UInt8>> {
    var bytes = bytes
    while let first = bytes.first, first == 0x20 || first == 0x09 { bytes = bytes.dropFirst() }
    while let last = bytes.last, last == 0x20 || last == 0x09 { bytes = bytes.dropLast() }
    return bytes
  }
}
