import CNetlink
import Glibc

extension NetlinkSocket {
  /// The ports of the namespace at which sockets wait for anybody: TCP's that listen, UDP's that are not connected
  /// (sock_diag(7)).
  ///
  /// Unlike a look into /proc/net/tcp it does not walk through the whole machine's connections. The socket must be of the
  /// family ``Family/sockets``.
  ///
  /// - Parameter protocolNumber: IPPROTO_TCP or IPPROTO_UDP.
  /// - Throws: ENOENT or EOPNOTSUPP where the kernel cannot tell.
  public func waitingPorts(protocolNumber: UInt8) throws(NetlinkError) -> Set<UInt16> {
    var ports: Set<UInt16> = []
    for family in [AF_INET, AF_INET6] {
      var request = inet_diag_req_v2()
      request.sdiag_family = UInt8(family)
      request.sdiag_protocol = protocolNumber
      // TCP_LISTEN; TCP_CLOSE, as which UDP's sockets count without a peer (net/tcp_states.h).
      request.idiag_states = protocolNumber == UInt8(IPPROTO_TCP) ? 1 << 10 : 1 << 7
      let replies = try dump(try Message(SOCK_DIAG_BY_FAMILY, body: request), "list the ports that sockets wait at")
      for reply in replies {
        guard let (body, _) = reply.split(inet_diag_msg.self) else { continue }
        let port = UInt16(bigEndian: body.id.idiag_sport)
        if port != 0 { ports.insert(port) }
      }
    }
    return ports
  }
}
