import DataplaneTypes

/// Every path of a packet that is not plain forwarding has a name and a counter.
public enum Event: UInt32, CaseIterable {
  /// Passed to the kernel: lengths or versions that contradict each other.
  case malformed = 0
  /// Passed to the kernel: a fragment whose packet's first one was not seen, or shows no ports.
  case fragment
  /// Passed to the kernel: IPv6 extension headers beyond what is parsed.
  case extensionHeader
  /// Passed to the kernel: TCP or SCTP for a service that neither belongs to a connection nor opens one.
  case notSYN
  /// Answered by ICMP: the service has no server to give.
  case noServer
  /// Dropped: the connection's server was removed.
  case serverRemoved
  /// Dropped: the connection table has no slot left.
  case tableFull
  /// Dropped: the kernel had no memory for a connection at that moment.
  case noMemory
  /// Dropped: the tables changed under this packet again and again.
  case contention
  /// Answered by ICMP, or dropped if it is a reply: no route to the real server or back to the client.
  case noRoute
  /// Answered by ICMP: larger than the way allows, and not to be fragmented.
  case tooBig
  /// Dropped: larger than the way allows.
  case tooBigDropped
  /// Answered by ICMP: its time to live ended here.
  case timeExceeded
  /// Passed to the kernel: a reply whose time to live ended here.
  case replyTimeExceeded
  /// Forwarded: a partial checksum was completed.
  case partialChecksum
  /// Dropped: a partial checksum that could not be completed.
  case partialChecksumDropped
  /// Dropped: the driver left no room for headers.
  case noHeadroom
  /// Forwarded by the kernel: the device takes no redirected frames, or the neighbour had to be resolved.
  case handedOver
  /// Dropped: the director is not set up to hand frames to the kernel.
  case handoverFailed
  /// Forwarded: an ICMP error about a connection.
  case errorForwarded
  /// Dropped: an ICMP error about a connection that cannot be forwarded, or is of no use to its client.
  case errorDropped
  /// Forwarded by the kernel, in fragments.
  case fragmented
  /// Dropped: a later fragment that cannot go on, about which nobody is told.
  case fragmentDropped
  /// Answered by ICMP: every local address and port for the server is taken (FULLNAT).
  case noLocalPort
  /// Dropped: a packet that was to be answered by ICMP, to a host that has had its share of answers. Its reason is
  /// counted too.
  case answerLimited
  /// Forwarded: an option that pretends to tell of a client, or asks for fast open, was blanked.
  case optionBlanked
  /// Forwarded: without the client's address, for which the segment has no room (TOA).
  case optionOmitted
  /// Dropped: a segment that would keep its client from the server, to which the client's address cannot be added.
  case disclosureDropped
  /// Dropped: what has no counterpart in the other address family (FULLNAT between families).
  case crossingDropped
  /// Answered by ICMP: a packet that names hosts to pass through, which the other address family has no way to say.
  case sourceRouted
  /// Answered by ICMP: for an address of a diverted network, and no service's.
  case noService
  /// Dropped: the same, where there is nobody to answer or nothing to answer to.
  case noServiceDropped
}

extension Event {
  /// The name that `svs status --drops` prints.
  public var name: StaticString {
    switch self {
    case .malformed: "malformed"
    case .fragment: "fragment"
    case .extensionHeader: "extension-header"
    case .notSYN: "not-syn"
    case .noServer: "no-server"
    case .serverRemoved: "server-removed"
    case .tableFull: "table-full"
    case .noMemory: "no-memory"
    case .contention: "contention"
    case .noRoute: "no-route"
    case .tooBig: "too-big"
    case .tooBigDropped: "too-big-dropped"
    case .timeExceeded: "time-exceeded"
    case .replyTimeExceeded: "reply-time-exceeded"
    case .partialChecksum: "partial-checksum"
    case .partialChecksumDropped: "partial-checksum-dropped"
    case .noHeadroom: "no-headroom"
    case .handedOver: "handed-over"
    case .handoverFailed: "handover-failed"
    case .errorForwarded: "icmp-error-forwarded"
    case .errorDropped: "icmp-error-dropped"
    case .fragmented: "fragmented"
    case .fragmentDropped: "fragment-dropped"
    case .noLocalPort: "no-local-port"
    case .answerLimited: "answer-limited"
    case .optionBlanked: "option-blanked"
    case .optionOmitted: "toa-omitted"
    case .disclosureDropped: "client-address-dropped"
    case .crossingDropped: "crossing-dropped"
    case .sourceRouted: "source-route"
    case .noService: "no-service"
    case .noServiceDropped: "no-service-dropped"
    }
  }

  /// What became of the packet.
  public var fate: StaticString {
    switch self {
    case .malformed, .fragment, .extensionHeader, .notSYN, .replyTimeExceeded: "passed"
    case .noServer, .noService, .noLocalPort, .noRoute, .tooBig, .timeExceeded, .sourceRouted: "answered"
    case .partialChecksum, .handedOver, .errorForwarded, .fragmented, .optionBlanked, .optionOmitted: "forwarded"
    default: "dropped"
    }
  }
}

extension Platform {
  @inlinable @inline(__always)
  public func note(_ event: Event) {
    if let counter = events.find(event.rawValue) { counter.pointee.packets &+= 1 }
  }
}
