import CLibbpf
import Dataplane
import DataplaneSimulation
import DataplaneTypes
import Glibc
import Netlink

extension Director {
  public func services() throws(DirectorError) -> [ServiceSnapshot] {
    try locked { () throws(DirectorError) in
      guard let tables else { return [] }
      var snapshots: [ServiceSnapshot] = []
      for index in 0..<tables.config.pointee.services_used {
        let record = try tables.services.record(index)
        guard record.pointee.status == SVS_LIVE, let snapshot = try snapshot(index, record, tables) else { continue }
        snapshots.append(snapshot)
      }
      return snapshots
    }
  }

  public func service(_ identity: ServiceIdentity) throws(DirectorError) -> ServiceSnapshot {
    try locked { () throws(DirectorError) in
      guard let tables, let (index, record) = try find(identity, tables),
        let snapshot = try snapshot(index, record, tables)
      else { throw .noSuchService }
      return snapshot
    }
  }

  private func snapshot(
    _ index: UInt32, _ record: UnsafeMutablePointer<svs_service>, _ tables: Tables
  ) throws(DirectorError) -> ServiceSnapshot? {
    guard let identity = record.pointee.key.identity else { return nil }
    var servers: [ServerSnapshot] = []
    var total = record.pointee.carried
    var next = record.pointee.first
    while next != 0 {
      let server = try tables.servers.record(next - 1)
      let counters = tables.serverCounters.read(next - 1)
      total += counters - server.pointee.joined
      servers.append(
        ServerSnapshot(
          endpoint: server.endpoint, settings: server.settings,
          activeConnections: count(server.pointee.active), inactiveConnections: count(server.pointee.inactive),
          persistentConnections: count(server.pointee.persistent),
          counters: Counters(counters - server.pointee.zero)))
      next = server.pointee.next
    }
    return ServiceSnapshot(
      identity: identity, settings: record.settings,
      counters: Counters(total), servers: servers)
  }

  /// A connection's end may be counted a moment before its beginning, on another CPU.
  private func count(_ value: UInt32) -> UInt32 { Int32(bitPattern: value) < 0 ? 0 : value }

  public func zeroCounters(of service: ServiceIdentity?) throws(DirectorError) {
    try locked { () throws(DirectorError) in
      if let service {
        guard let tables, let (index, record) = try find(service, tables) else { throw .noSuchService }
        try zero(index, record, tables)
        return
      }
      guard let tables else { return }
      for index in 0..<tables.config.pointee.services_used {
        let record = try tables.services.record(index)
        if record.pointee.status == SVS_LIVE { try zero(index, record, tables) }
      }
      tables.operatorState[0].pointee.zeroed = counted(tables)
    }
  }

  /// Counting goes on per CPU all the while: zeroing remembers where it stood.
  private func zero(
    _ index: UInt32, _ record: UnsafeMutablePointer<svs_service>, _ tables: Tables
  ) throws(DirectorError) {
    record.pointee.carried = svs_counters()
    var next = record.pointee.first
    while next != 0 {
      let server = try tables.servers.record(next - 1)
      let counters = tables.serverCounters.read(next - 1)
      server.pointee.zero = counters
      server.pointee.joined = counters
      next = server.pointee.next
    }
  }

  public func connections() throws(DirectorError) -> [ConnectionSnapshot] {
    try locked { () throws(DirectorError) in
      guard let tables else { return [] }
      let now = tables.now
      let used = min(tables.runtime[0].pointee.fresh, tables.config.pointee.connection_capacity)
      var snapshots: [ConnectionSnapshot] = []
      try tables.eachConnection(upTo: used) { slot, connection in
        guard var snapshot = ConnectionSnapshot(connection, now: now) else { return }
        if snapshot.method == .fullNAT { snapshot.local = tables.localEnd(of: slot, connection) }
        snapshots.append(snapshot)
      }
      return snapshots
    }
  }

  public func connectionCapacity() throws(DirectorError) -> UInt32 {
    try locked { () throws(DirectorError) in
      tables?.config.pointee.connection_capacity ?? DirectorObject.defaultCapacity
    }
  }

  /// How long idle connections are kept.
  public func timeouts() throws(DirectorError) -> Timeouts {
    try locked { () throws(DirectorError) in
      guard let tables else { return Timeouts() }
      func seconds(_ state: ConnectionState) -> UInt32 {
        // Ticks were rounded down when they were set.
        Ticks.seconds(tables.config.timeout(state.rawValue) + 1)
      }
      return Timeouts(tcp: seconds(.established), tcpFin: seconds(.finWait), udp: seconds(.udp))
    }
  }

  /// Changes the timeouts that are not 0, and makes the director if there is none, so that they hold for later services.
  ///
  /// A connection that stands follows with its next packet.
  public func setTimeouts(_ timeouts: Timeouts) throws(DirectorError) {
    try locked { () throws(DirectorError) in
      let changes: [(ConnectionState, UInt32)] = [
        (.established, timeouts.tcp), (.finWait, timeouts.tcpFin), (.udp, timeouts.udp),
      ]
      if changes.allSatisfy({ $0.1 == 0 }) { return }
      let tables = try establish()
      for (state, seconds) in changes where seconds != 0 { tables.config.setTimeout(state.rawValue, seconds: seconds) }
      if timeouts.udp != 0 {
        // What drains is never kept longer than what does not.
        let draining = ConnectionState.udpDraining.rawValue
        tables.config.setTimeout(draining, seconds: min(timeouts.udp, DefaultTimeout.of(draining)))
      }
    }
  }
}

extension Tables {
  /// Goes through the connection table in batches.
  func eachConnection(upTo used: UInt32, _ body: (UInt32, svs_connection) -> Void) throws(DirectorError) {
    if let memory {
      for slot in 0..<used {
        if let connection = memory.connections.find(slot)?.pointee, connection.word != 0 { body(slot, connection) }
      }
      return
    }
    let size = 4096
    let buffer = UnsafeMutablePointer<svs_connection>.allocate(capacity: size)
    let keys = UnsafeMutablePointer<UInt32>.allocate(capacity: size)
    defer {
      buffer.deallocate()
      keys.deallocate()
    }
    var position: UInt32 = 0
    var isFirst = true
    while position < used {
      var count = UInt32(size)
      var next: UInt32 = 0
      let result = withUnsafeMutablePointer(to: &position) { start in
        bpf_map_lookup_batch(connections.descriptor, isFirst ? nil : start, &next, keys, buffer, &count, nil)
      }
      let error = errno
      guard result == 0 || error == ENOENT else { throw .system(doing: "read the connection table", errno: error) }
      for i in 0..<Int(count) where buffer[i].word != 0 { body(keys[i], buffer[i]) }
      if result != 0 || count == 0 { return }
      isFirst = false
      position = next
    }
  }
}

extension Tables {
  /// What stands for the client before the server of a FULLNAT connection.
  func localEnd(of slot: UInt32, _ connection: svs_connection) -> Endpoint? {
    guard let exchange = try? exchanges.record(slot).pointee else { return nil }
    return Endpoint(exchange.local.address(connection.server_family), port: UInt16(bigEndian: exchange.port))
  }
}

extension ConnectionSnapshot {
  /// Nil for a slot that is free or about to be.
  public init?(_ c: svs_connection, now tick: UInt32) {
    guard c.word & 0x80 == 0 else { return nil }
    let number = UInt8(truncatingIfNeeded: c.word) & 15
    let state: State
    if c.method == Method.template {
      state = .template(isAssured: number != 0)
    } else if c.proto == TransportProtocol.sctp.rawValue {
      guard let known = AssociationState(rawValue: number) else { return nil }
      state = .association(known)
    } else {
      guard let known = ConnectionState(rawValue: number) else { return nil }
      state = .connection(known)
    }
    let transport: ConnectionProtocol
    if c.proto == 0 {
      transport = .any
    } else {
      guard let known = TransportProtocol(rawValue: c.proto) else { return nil }
      transport = .transport(known)
    }
    let left = Int32(bitPattern: UInt32(truncatingIfNeeded: c.word >> 32) &- tick)
    self.init(
      transport: transport, state: state,
      client: Endpoint(c.client.address(c.family), port: UInt16(bigEndian: c.cport)),
      virtual: Endpoint(c.vip.address(c.family), port: UInt16(bigEndian: c.vport)),
      destination: Endpoint(c.rip.address(c.server_family), port: UInt16(bigEndian: c.rport)),
      expiresIn: left > 0 ? Ticks.seconds(UInt32(left)) : 0)
    method = ForwardingMethod(rawValue: c.method)
  }
}

extension Director: RuleStore {}
