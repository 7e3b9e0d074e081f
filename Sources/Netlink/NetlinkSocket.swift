import CNetlink
import Glibc

/// A netlink socket bound to the network namespace in which it was opened.
///
/// It asks one question at a time and is not shared between threads. Answers are read here rather than by libnl's
/// callbacks, which turn errno into fewer codes of their own and drop the kernel's explanation.
public struct NetlinkSocket: ~Copyable {
  public enum Family: Sendable {
    /// Links, addresses, routes, rules and neighbours: rtnetlink(7).
    case route
    /// Families that are looked up by name (linux/genetlink.h).
    case generic
    /// Chains and rules of nftables, which iptables-nft writes as well (linux/netfilter/nfnetlink.h).
    case netfilter
    /// Sockets of programs: sock_diag(7).
    case sockets

    fileprivate var number: CInt {
      switch self {
      case .route: NETLINK_ROUTE
      case .generic: NETLINK_GENERIC
      case .netfilter: NETLINK_NETFILTER
      case .sockets: NETLINK_SOCK_DIAG
      }
    }
  }

  private let handle: OpaquePointer

  /// Opens a socket in the network namespace of the calling thread.
  public init(_ family: Family = .route) throws(NetlinkError) {
    guard let handle = nl_socket_alloc() else {
      throw NetlinkError(code: ENOMEM, action: "allocate a netlink socket")
    }
    errno = 0
    guard nl_connect(handle, family.number) >= 0 else {
      let error = NetlinkError.last("open a netlink socket")
      nl_socket_free(handle)
      throw error
    }
    self.handle = handle
    nl_socket_disable_auto_ack(handle)
    var on: CInt = 1
    let size = socklen_t(MemoryLayout<CInt>.size)
    let descriptor = nl_socket_get_fd(handle)
    // Both are niceties of newer kernels; without them the answers are only less explicit.
    setsockopt(descriptor, SOL_NETLINK, NETLINK_EXT_ACK, &on, size)
    setsockopt(descriptor, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, size)
  }

  deinit { nl_socket_free(handle) }

  /// Sends a request and returns what came back before its acknowledgement.
  @discardableResult
  func request(_ message: borrowing Message, _ action: @autoclosure () -> String) throws(NetlinkError) -> [Reply] {
    let sequence = try send(message, flags: NLM_F_ACK, action)
    return try receive(until: .acknowledged, sequence, action)
  }

  /// Asks for a table.
  ///
  /// The kernel marks a dump during which the table changed; it is then asked again, a few times.
  func dump(_ message: borrowing Message, _ action: @autoclosure () -> String) throws(NetlinkError) -> [Reply] {
    for _ in 0..<8 {
      let sequence = try send(message, flags: NLM_F_DUMP, action)
      let replies = try receive(until: .done, sequence, action)
      if !replies.contains(where: { Int32($0.flags) & NLM_F_DUMP_INTR != 0 }) { return replies }
    }
    throw NetlinkError(code: EAGAIN, action: action(), detail: "the table changes faster than it can be read")
  }

  private func send(_ message: borrowing Message, flags: CInt, _ action: () -> String) throws(NetlinkError) -> UInt32 {
    guard !message.failed else { throw NetlinkError(code: ENOMEM, action: action()) }
    guard let header = nlmsg_hdr(message.raw) else { throw NetlinkError(code: ENOMEM, action: action()) }
    header.pointee.nlmsg_flags |= UInt16(flags)
    header.pointee.nlmsg_seq = 0  // libnl numbers a message only when it has no number: ask for a fresh one.
    nl_complete_msg(handle, message.raw)
    errno = 0
    guard nl_send(handle, message.raw) >= 0 else { throw NetlinkError.last(action()) }
    return header.pointee.nlmsg_seq
  }

  private enum End { case acknowledged, done }

  private func receive(until end: End, _ sequence: UInt32, _ action: () -> String) throws(NetlinkError) -> [Reply] {
    var replies: [Reply] = []
    while true {
      for message in try receiveDatagram(action) where message.sequence == sequence {
        switch CInt(message.type) {
        case CInt(NLMSG_ERROR):
          let code = message.payload.load(CInt.self) ?? -EBADMSG
          if code != 0 { throw NetlinkError(code: -code, action: action(), detail: message.explanation) }
          if end == .acknowledged { return replies }
        case CInt(NLMSG_DONE):
          let code = message.payload.load(CInt.self) ?? 0
          if code < 0 { throw NetlinkError(code: -code, action: action(), detail: message.explanation) }
          return replies
        case CInt(NLMSG_NOOP): continue
        default: replies.append(message)
        }
      }
    }
  }

  private func receiveDatagram(_ action: () -> String) throws(NetlinkError) -> [Reply] {
    var sender = sockaddr_nl()
    var buffer: UnsafeMutablePointer<UInt8>?
    errno = 0
    let count = nl_recv(handle, &sender, &buffer, nil)
    guard count > 0, let buffer else {
      throw count == 0 ? NetlinkError(code: EPIPE, action: action()) : NetlinkError.last(action())
    }
    defer { free(buffer) }
    // Only the kernel is port 0: any process may send to a netlink socket.
    guard sender.nl_pid == 0 else { return [] }
    return Reply.all(in: Array(UnsafeBufferPointer(start: buffer, count: Int(count)))[...])
  }
}

/// One message of the kernel's answer.
struct Reply {
  let type: UInt16
  let flags: UInt16
  let sequence: UInt32
  let payload: ArraySlice<UInt8>

  init(_ header: nlmsghdr, payload: ArraySlice<UInt8>) {
    type = header.nlmsg_type
    flags = header.nlmsg_flags
    sequence = header.nlmsg_seq
    self.payload = payload
  }

  /// The messages of a datagram; what is cut off at its end is left out.
  static func all(in datagram: ArraySlice<UInt8>) -> [Reply] {
    var rest = datagram
    var messages: [Reply] = []
    while let header = rest.load(nlmsghdr.self), header.nlmsg_len >= 16, Int(header.nlmsg_len) <= rest.count {
      messages.append(Reply(header, payload: rest.dropFirst(16).prefix(Int(header.nlmsg_len) - 16)))
      rest = rest.dropFirst((Int(header.nlmsg_len) + 3) & ~3)
    }
    return messages
  }

  /// The fixed part and the attributes behind it.
  func split<Body: BitwiseCopyable>(_ body: Body.Type) -> (body: Body, attributes: Attributes)? {
    guard let fixed = payload.load(Body.self) else { return nil }
    return (fixed, Attributes(payload.dropFirst((MemoryLayout<Body>.size + 3) & ~3)))
  }

  /// NLMSGERR_ATTR_MSG of an error, which follows the code and as much of the request as the kernel gives back.
  var explanation: String? {
    guard CInt(flags) & NLM_F_ACK_TLVS != 0 else { return nil }
    var attributes = payload.dropFirst(4)
    if CInt(type) == CInt(NLMSG_ERROR) {
      guard let request = attributes.load(nlmsghdr.self) else { return nil }
      let returned = CInt(flags) & NLM_F_CAPPED != 0 ? 16 : (Int(request.nlmsg_len) + 3) & ~3
      attributes = attributes.dropFirst(returned)
    }
    return Attributes(attributes).text(NLMSGERR_ATTR_MSG.rawValue)
  }
}
