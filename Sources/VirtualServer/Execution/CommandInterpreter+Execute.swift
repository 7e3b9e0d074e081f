import KernelDirector

extension CommandInterpreter {
  /// Does what an invocation says; throws what the store threw.
  mutating func execute(_ line: Invocation, on store: Store) throws(DirectorError) {
    switch line.command {
    case .list: try list(line, on: store)
    case .save:
      var text = RuleText(numeric: line.options.contains(.numeric), names: names)
      console.write(text.text(of: try store.services()))
      names = text.names
    case .flush: try store.clear()
    case .zero: try store.zeroCounters(of: line.options.contains(.service) ? line.service.identity : nil)
    case .setTimeouts: try store.setTimeouts(line.timeouts)
    case .startDaemon: try store.startSyncDaemon(line.daemon)
    case .stopDaemon: try store.stopSyncDaemon(line.daemon.role)
    case .addService, .editService, .deleteService, .addServer, .editServer, .deleteServer:
      // The parser lets none of these through without a service, nor the last three without a server.
      guard let service = line.service.identity else { return }
      try change(service, line, on: store)
    case .restore: break
    }
  }

  private func change(
    _ service: ServiceIdentity, _ line: Invocation, on store: Store
  ) throws(DirectorError) {
    switch line.command {
    case .addService: return try store.addService(service, line.settings)
    case .editService: return try store.editService(service, line.settings)
    case .deleteService: return try store.deleteService(service)
    default: break
    }
    guard let address = line.server.address else { return }
    let server = Endpoint(address, port: line.server.port)
    switch line.command {
    case .addServer: try store.addServer(server, line.serverSettings, to: service)
    case .editServer: try store.editServer(server, line.serverSettings, of: service)
    default: try store.deleteServer(server, of: service)
    }
  }

  private mutating func list(_ line: Invocation, on store: Store) throws(DirectorError) {
    if line.options.contains(.connections) {
      var listing = ConnectionListing(line.options, names: names)
      console.write(listing.text(of: try store.connections()))
      names = listing.names
    } else if line.options.contains(.timeouts) {
      let timeouts = try store.timeouts()
      console.write("Timeout (tcp tcpfin udp): \(timeouts.tcp) \(timeouts.tcpFin) \(timeouts.udp)\n")
    } else if line.options.contains(.daemons) {
      for daemon in try store.syncDaemons() { console.write(daemon.listing) }
    } else {
      var listing = ServiceListing(line.options, names: names)
      if line.options.contains(.service), let service = line.service.identity {
        console.write(listing.text(of: try measured([try store.service(service)], line, on: store)))
      } else {
        let services = try measured(try store.services(), line, on: store)
        console.write("IP Virtual Server version \(Help.ipvsVersion) (size=\(Help.ipvsTableSize))\n")
        console.write(listing.text(of: services))
      }
      names = listing.names
    }
  }

  /// Services with their rates, where the listing shows these.
  private func measured(
    _ services: [ServiceSnapshot], _ line: Invocation, on store: Store
  ) throws(DirectorError) -> [ServiceSnapshot] {
    guard case .rate = Layout(line.options) else { return services }
    return try store.measureRates(of: services)
  }
}

extension SyncDaemon {
  /// One line of `-L --daemon`.
  fileprivate var listing: String {
    var text = "\(role.rawValue) sync daemon (mcast=\(interface), syncid=\(syncID)"
    if maximumLength != 0 { text += ", maxlen=\(maximumLength)" }
    if let group { text += ", group=\(group)" }
    if port != 0 { text += ", port=\(port)" }
    if ttl != 0 { text += ", ttl=\(ttl)" }
    return text + ")\n"
  }
}
