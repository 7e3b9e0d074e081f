import CNetlink
import Glibc

/// A request being built: header, fixed part, attributes.
///
/// The buffer is libnl's and grows; running out of memory is the only way to fail, and is reported when the message
/// is sent, so that building reads as a list.
struct Message: ~Copyable {
  let raw: OpaquePointer
  private(set) var failed = false

  /// - Parameters:
  ///   - type: RTM_NEWLINK and so on.
  ///   - flags: NLM_F_* beyond NLM_F_REQUEST.
  ///   - body: the fixed structure that follows the header.
  init<Body: BitwiseCopyable>(_ type: some BinaryInteger, flags: CInt = 0, body: Body)
    throws(NetlinkError)
  {
    guard let raw = nlmsg_alloc_simple(CInt(type), flags | NLM_F_REQUEST) else {
      throw NetlinkError(code: ENOMEM, action: "allocate a netlink message")
    }
    self.raw = raw
    var body = body
    failed = nlmsg_append(raw, &body, MemoryLayout<Body>.size, CInt(NLMSG_ALIGNTO)) < 0
  }

  deinit { nlmsg_free(raw) }

  mutating func put<T: BitwiseCopyable>(_ type: some BinaryInteger, _ value: T) {
    var value = value
    if nla_put(raw, CInt(type), CInt(MemoryLayout<T>.size), &value) < 0 { failed = true }
  }

  mutating func put(_ type: some BinaryInteger, bytes: [UInt8]) {
    if nla_put(raw, CInt(type), CInt(bytes.count), bytes) < 0 { failed = true }
  }

  mutating func put(_ type: some BinaryInteger, _ address: IPAddress) { put(type, bytes: address.bytes) }

  /// Text with its terminating NUL.
  mutating func put(_ type: some BinaryInteger, text: String) { put(type, bytes: Array(text.utf8) + [0]) }

  /// A fixed structure inside a nest, as VETH_INFO_PEER has it, padded and without an attribute header.
  mutating func append<T: BitwiseCopyable>(_ value: T) {
    var value = value
    if nlmsg_append(raw, &value, MemoryLayout<T>.size, CInt(NLMSG_ALIGNTO)) < 0 { failed = true }
  }

  mutating func nest(_ type: some BinaryInteger, _ content: (inout Message) -> Void) {
    guard let start = nla_nest_start(raw, CInt(type)) else {
      failed = true
      return
    }
    content(&self)
    if nla_nest_end_keep_empty(raw, start) < 0 { failed = true }
  }
}
