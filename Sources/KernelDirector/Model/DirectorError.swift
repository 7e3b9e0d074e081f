/// Why a director refused a command; nothing was changed when one of these is thrown.
public enum DirectorError: Error, Hashable, Sendable {
  case serviceExists
  case noSuchService
  case serverExists
  case noSuchServer
  /// The scheduler or persistence engine is unknown.
  case schedulerNotFound(String)
  /// The two address families of a service and a server cannot go together under this forwarding method.
  case familyMismatch
  /// A real server's address that cannot be one: unspecified, multicast, broadcast, or IPv6 link-local or mapped IPv4.
  /// The director's own addresses can.
  case invalidServer
  /// What FULLNAT cannot lease from, and why: the rest of a sentence.
  case invalidLocalAddress(String)
  /// These local addresses, or some of them, are in a pool already.
  case localAddressTaken
  case noSuchLocalAddress
  /// TOA and the PROXY protocol are parts of TCP's stream, and the service is of another protocol.
  case disclosureNeedsTCP
  /// A lower threshold above the upper one.
  case thresholdOrder
  case noSuchInterface(String)
  case syncDaemonRunning
  case noSyncDaemon
  /// The interface is not attached, so there is nothing to unhook.
  case notAttached(String)
  /// The director is sent its packets, and is attached to no interface by name.
  case isDiverted
  /// The connection table stands with this size and is resized only by making the director anew.
  case capacityFixed(UInt32)
  case capacityOutOfRange(ClosedRange<UInt32>)
  /// Wanted root, or CAP_BPF with CAP_NET_ADMIN.
  case notPermitted
  /// The pinned state in this namespace was made by another version of the layout.
  case layoutMismatch(found: UInt32, expected: UInt32)
  /// Services, servers or tables have no room left: `what` names which.
  case full(what: String)
  /// A system call failed: what was being done, and the errno.
  case system(doing: String, errno: Int32)
  /// The kernel lacks something SVS needs.
  case unsupportedKernel(String)
}
