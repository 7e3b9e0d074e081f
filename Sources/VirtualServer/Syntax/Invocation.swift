import KernelDirector

/// A command line that was understood: what to do, to what, with which values.
struct Invocation: Sendable {
  var command: Command
  var options: CommandOptions = []
  var service = ServiceDraft()
  var settings = ServiceSettings(scheduler: "")
  var server = ServiceDraft()
  var serverSettings = ServerSettings()
  var timeouts = Timeouts(tcp: 0, tcpFin: 0, udp: 0)
  var daemon = SyncDaemon(role: .master, interface: "")
}

/// Where a virtual service is, as far as the words so far have said.
struct ServiceDraft: Sendable {
  var transport: TransportProtocol?
  var address: IPAddress?
  var port: UInt16 = 0
  var mark: UInt32 = 0
  var markFamily: IPAddress.Family = .ipv4

  /// The family of the address or, with a mark, the one `-6` set.
  var family: IPAddress.Family? { mark == 0 ? address?.family : markFamily }

  /// What the kernel calls it, once the words have named it whole.
  var identity: ServiceIdentity? {
    if mark != 0 { return .mark(mark, markFamily) }
    guard let transport, let address else { return nil }
    return .address(transport, Endpoint(address, port: port))
  }
}
