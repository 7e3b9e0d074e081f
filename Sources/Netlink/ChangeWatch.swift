import CNetlink
import CSystem
import Glibc
import HostSystem

/// Something in a network namespace that somebody changed.
public enum NetworkChange: Hashable, Sendable {
  /// A link appeared or is no longer what it was.
  case link(index: UInt32, name: String)
  case linkGone(index: UInt32, name: String)
  /// An address of an interface came or went.
  case address(index: UInt32)
  /// A neighbour or an entry of a forwarding database came, went or changed.
  case neighbour(index: UInt32)
  /// A route came, went or changed.
  case route
  /// There were more changes than the socket could hold: anything may have changed.
  case lost
}

/// What the kernel tells of changes in a network namespace, by a descriptor that poll(2) takes (rtnetlink(7)).
public struct ChangeWatch: ~Copyable, Sendable {
  private let file: Descriptor

  /// Readable when something changed.
  public var descriptor: CInt { file.number }

  /// Watches links, addresses, neighbours and routes of both families in the calling thread's namespace.
  public init() throws(NetlinkError) {
    let action = "watch the network's changes"
    let type = CInt(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
    let number = Glibc.socket(AF_NETLINK, type, NETLINK_ROUTE)
    guard number >= 0 else { throw NetlinkError.last(action) }
    let file = Descriptor(number)
    var address = sockaddr_nl()
    address.nl_family = sa_family_t(AF_NETLINK)
    let groups = [
      RTNLGRP_LINK, RTNLGRP_NEIGH, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV6_ROUTE,
    ]
    for group in groups { address.nl_groups |= 1 << (UInt32(group.rawValue) - 1) }
    // A restarted cluster changes hundreds of entries at once; with less room they are told as lost, which costs a look
    // at everything. Only root may have more than the system's limit.
    var size: CInt = 4 << 20
    setsockopt(number, SOL_SOCKET, SO_RCVBUFFORCE, &size, socklen_t(MemoryLayout<CInt>.size))
    let bound = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(number, $0, socklen_t(MemoryLayout<sockaddr_nl>.size))
      }
    }
    guard bound == 0 else { throw NetlinkError.last(action) }
    self.file = file
  }

  /// Takes all changes that wait, without waiting for more.
  public func take() throws(NetlinkError) -> [NetworkChange] {
    var changes: [NetworkChange] = []
    var buffer = [UInt8](repeating: 0, count: 32_768)
    while true {
      var sender = sockaddr_nl()
      var length = socklen_t(MemoryLayout<sockaddr_nl>.size)
      let count = withUnsafeMutablePointer(to: &sender) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          recvfrom(file.number, &buffer, buffer.count, 0, $0, &length)
        }
      }
      if count < 0 {
        switch errno {
        case EAGAIN: return changes
        case EINTR: continue
        case ENOBUFS: changes.append(.lost)
        default: throw NetlinkError.last("read the network's changes")
        }
      } else if sender.nl_pid == 0 {
        // Only the kernel is port 0.
        changes += Reply.all(in: buffer[..<count]).compactMap(NetworkChange.init)
      }
    }
  }
}

extension NetworkChange {
  init?(_ reply: Reply) {
    switch CInt(reply.type) {
    case CInt(RTM_NEWLINK), CInt(RTM_DELLINK):
      guard let (body, attributes) = reply.split(ifinfomsg.self), let name = attributes.text(IFLA_IFNAME) else {
        return nil
      }
      let index = UInt32(bitPattern: body.ifi_index)
      // A bridge tells that a port left it in the words for a link that is gone.
      let isGone = CInt(reply.type) == CInt(RTM_DELLINK) && CInt(body.ifi_family) != AF_BRIDGE
      self = isGone ? .linkGone(index: index, name: name) : .link(index: index, name: name)
    case CInt(RTM_NEWADDR), CInt(RTM_DELADDR):
      guard let (body, _) = reply.split(ifaddrmsg.self) else { return nil }
      self = .address(index: body.ifa_index)
    case CInt(RTM_NEWNEIGH), CInt(RTM_DELNEIGH):
      guard let (body, _) = reply.split(ndmsg.self) else { return nil }
      self = .neighbour(index: UInt32(bitPattern: body.ndm_ifindex))
    case CInt(RTM_NEWROUTE), CInt(RTM_DELROUTE): self = .route
    default: return nil
    }
  }
}
