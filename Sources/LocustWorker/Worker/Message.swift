/// A message of Locust's protocol: `[type, data, node_id]` (locust/rpc/protocol.py of 2.47 is the one description).
package struct Message: Hashable, Sendable {
  package var type: String
  package var data: MessagePack
  package var node: String

  package init(_ type: String, _ data: MessagePack = .none, from node: String) {
    self.type = type
    self.data = data
    self.node = node
  }

  /// Nil where the bytes are none.
  package init?(_ bytes: [UInt8]) {
    guard case .array(let parts)? = try? MessagePack(decoding: bytes), parts.count == 3, let type = parts[0].string
    else { return nil }
    self.init(type, parts[1], from: parts[2].string ?? "")
  }

  package var bytes: [UInt8] { MessagePack.array([.string(type), data, .string(node)]).bytes }
}
