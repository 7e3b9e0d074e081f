import CNetlink

/// A run of netlink attributes, read by type (netlink(7): 16-bit length and type, padded to four bytes).
///
/// A message holds a few dozen attributes and a reader asks for a handful, so looking one up walks the run.
struct Attributes {
  private let bytes: ArraySlice<UInt8>

  init(_ bytes: ArraySlice<UInt8>) { self.bytes = bytes }

  /// The payload of the first attribute of this type.
  subscript(type: some BinaryInteger) -> ArraySlice<UInt8>? {
    var rest = bytes
    while let header = rest.load(nlattr.self), header.nla_len >= 4, Int(header.nla_len) <= rest.count {
      // The two top bits say "nested" and "network byte order".
      if header.nla_type & 0x3FFF == UInt16(type) { return rest.dropFirst(4).prefix(Int(header.nla_len) - 4) }
      rest = rest.dropFirst((Int(header.nla_len) + 3) & ~3)
    }
    return nil
  }

  /// Every attribute in order, for lists whose types repeat.
  func forEach(_ body: (_ type: UInt16, _ payload: ArraySlice<UInt8>) -> Void) {
    var rest = bytes
    while let header = rest.load(nlattr.self), header.nla_len >= 4, Int(header.nla_len) <= rest.count {
      body(header.nla_type & 0x3FFF, rest.dropFirst(4).prefix(Int(header.nla_len) - 4))
      rest = rest.dropFirst((Int(header.nla_len) + 3) & ~3)
    }
  }

  func value<T: BitwiseCopyable>(_ type: some BinaryInteger, as: T.Type = T.self) -> T? {
    self[type]?.load(T.self)
  }

  func text(_ type: some BinaryInteger) -> String? { self[type]?.terminatedText }

  func address(_ type: some BinaryInteger) -> IPAddress? { self[type].flatMap { IPAddress(bytes: $0) } }

  func nested(_ type: some BinaryInteger) -> Attributes { Attributes(self[type] ?? []) }
}
