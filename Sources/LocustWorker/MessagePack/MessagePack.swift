/// A value in MessagePack (https://msgpack.org, specification of 2017): what Locust's messages are made of.
package enum MessagePack: Hashable, Sendable {
  case none
  case bool(Bool)
  case int(Int64)
  /// Numbers beyond Int64 only; smaller ones are `int`.
  case uint(UInt64)
  case double(Double)
  case string(String)
  case binary([UInt8])
  case array([MessagePack])
  case map([Entry])
  /// An application's own type, which is kept as it came.
  case other(type: Int8, [UInt8])

  package struct Entry: Hashable, Sendable {
    package var key: MessagePack
    package var value: MessagePack

    package init(_ key: MessagePack, _ value: MessagePack) {
      self.key = key
      self.value = value
    }
  }

  /// The value of a map's string key.
  package subscript(_ key: String) -> MessagePack? {
    guard case .map(let entries) = self else { return nil }
    return entries.first { $0.key == .string(key) }?.value
  }

  package var string: String? { if case .string(let text) = self { text } else { nil } }

  package var integer: Int? {
    switch self {
    case .int(let number): Int(exactly: number)
    case .double(let number): Int(exactly: number)
    default: nil
    }
  }

  package var number: Double? {
    switch self {
    case .int(let number): Double(number)
    case .uint(let number): Double(number)
    case .double(let number): number.isFinite ? number : nil
    default: nil
    }
  }

  /// A map from names, in their order.
  package static func object(_ pairs: KeyValuePairs<String, MessagePack>) -> MessagePack {
    .map(pairs.map { Entry(.string($0.key), $0.value) })
  }

  package static func count(_ number: UInt64) -> MessagePack {
    Int64(exactly: number).map(MessagePack.int) ?? .uint(number)
  }
}
