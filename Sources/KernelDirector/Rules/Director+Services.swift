import Dataplane
import DataplaneTypes
import Netlink

extension Director {
  public func addService(_ service: ServiceIdentity, _ settings: ServiceSettings) throws(DirectorError) {
    try locked { () throws(DirectorError) in
      if let tables, try find(service, tables) != nil { throw .serviceExists }
      let scheduler = try scheduler(of: settings)
      let tables = try establish()
      if tables.config.pointee.attach_mode == AttachMode.none { attachEverywhere(tables) }
      try upkeep(tables)
      let key = svs_service_key(service)
      let index = try allocateService(tables)
      let record = try tables.services.record(index)
      defer { rulesChanged(tables) }
      let memory = record.pointee.memory &+ 1
      record.pointee = svs_service()
      record.pointee.memory = memory
      record.pointee.key = key
      record.pointee.number = index
      try prepare(scheduler, tables)
      record.write(settings)
      record.pointee.scheduler = scheduler
      record.pointee.disclosure = orphanedDisclosures.removeValue(forKey: service) ?? 0
      // Before packets can find it: what they have to look for besides.
      tables.config.pointee.features |= features(service)
      try tables.serviceIndex.update(key, index)
      // From here on packets find it.
      record.pointee.status = UInt32(SVS_LIVE)
      countServices(key, 1, tables)
      try adoptLocalAddresses(of: index, service, tables)
      do throws(DirectorError) {
        try steer(key, isLive: true, tables)
      } catch {
        // Without the kernel's routing no marked packet would ever come. Of other services only what this host itself
        // sends goes astray, as where the kernel has no policy routing.
        if key.proto == 0 {
          try delete(index, record, tables)
          throw error
        }
      }
      try reschedule(index, record, tables)
      remarkOnClash(of: key, isPersistent: record.pointee.persistence != 0, tables)
    }
  }

  /// Makes what a scheduler keeps beside the rules.
  private func prepare(_ scheduler: UInt8, _ tables: Tables) throws(DirectorError) {
    let remembers = scheduler == LocalityLeastConnection.number || scheduler == LocalityReplication.number
    if remembers { try tables.localities.reserve() }
  }

  /// The number of a scheduler that there is in this namespace; the persistence engine must be there too.
  private func scheduler(of settings: ServiceSettings) throws(DirectorError) -> UInt8 {
    let name = settings.scheduler
    guard let number = SchedulerNames.number(name) else { throw .schedulerNotFound(name) }
    if number == TwoChoices.number, tables?.config.pointee.offers_twos ?? 0 == 0 { throw .schedulerNotFound(name) }
    let engine = settings.persistenceEngine
    if !engine.isEmpty, engine != "sip" { throw .schedulerNotFound(engine) }
    return number
  }

  /// The look-ups that a service makes necessary.
  private func features(_ service: ServiceIdentity) -> UInt32 {
    guard case .address(let transport, let endpoint) = service else { return 0 }
    if endpoint.port == 0 { return UInt32(SVS_HAS_PORT_ZERO) }
    return transport == .tcp && endpoint.port == 21 ? UInt32(SVS_HAS_FTP) : 0
  }

  /// Marks are counted where the rules are brought in line with them.
  private func countServices(_ key: svs_service_key, _ change: Int32, _ tables: Tables) {
    let change = UInt32(bitPattern: change)
    if key.family == IPAddress.Family.ipv4.rawValue {
      tables.config.pointee.services4 &+= change
    } else {
      tables.config.pointee.services6 &+= change
    }
  }

  public func editService(_ service: ServiceIdentity, _ settings: ServiceSettings) throws(DirectorError) {
    try locked { () throws(DirectorError) in
      guard let tables, let (index, record) = try find(service, tables) else { throw .noSuchService }
      let scheduler = try scheduler(of: settings)
      let isOther = record.pointee.scheduler != scheduler
      try upkeep(tables)
      try prepare(scheduler, tables)
      defer { rulesChanged(tables) }
      // A scheduler that stays goes on where it was, as with IPVS.
      if isOther { try reschedule(index, record, tables, by: scheduler) }
      record.write(settings)
    }
  }

  public func deleteService(_ service: ServiceIdentity) throws(DirectorError) {
    try locked { () throws(DirectorError) in
      guard let tables, let (index, record) = try find(service, tables) else { throw .noSuchService }
      try delete(index, record, tables)
      try? steer(record.pointee.key, isLive: false, tables)
      rulesChanged(tables)
    }
  }

  public func clear() throws(DirectorError) {
    try locked { () throws(DirectorError) in
      guard let tables else { return }
      for index in 0..<tables.config.pointee.services_used {
        let record = try tables.services.record(index)
        if record.pointee.status == SVS_LIVE { try delete(index, record, tables) }
      }
      // Whatever a killed command left uncounted.
      tables.config.pointee.services4 = 0
      tables.config.pointee.services6 = 0
      tables.config.pointee.marks4 = 0
      tables.config.pointee.marks6 = 0
      if !isSimulated, !isDiverted(tables) { Steering.remove() }
      ledger.steered = [:]
      ledger.steeredVIPs = []
      backlog.clear()
      tables.config.pointee.unfinished = 0
      if isDiverted(tables) { try steer([.ipv4, .ipv6], leaving: [], tables) }
      rulesChanged(tables)
    }
  }

  private func delete(
    _ index: UInt32, _ record: UnsafeMutablePointer<svs_service>, _ tables: Tables
  ) throws(DirectorError) {
    record.pointee.status = UInt32(SVS_REMOVED)
    if record.pointee.disclosure != 0, let identity = record.pointee.key.identity {
      orphanedDisclosures[identity] = record.pointee.disclosure
    }
    countServices(record.pointee.key, -1, tables)
    tables.serviceIndex.remove(record.pointee.key)
    var isReferredTo = false
    var next = record.pointee.first
    while next != 0 {
      let server = try tables.servers.record(next - 1)
      server.retire(from: record.pointee.key)
      ledger.retired(next - 1, server)
      if server.isDraining { isReferredTo = true }
      next = server.pointee.next
    }
    record.pointee.first = 0
    removeLocalAddresses(of: record.pointee.number, record.pointee.key.identity, tables)
    ledger.retired(index, record, isReferredTo: isReferredTo)
    backlog.services.remove(index)
  }

  /// The live record of a service.
  func find(
    _ service: ServiceIdentity, _ tables: Tables
  ) throws(DirectorError) -> (UInt32, UnsafeMutablePointer<svs_service>)? {
    let key = svs_service_key(service)
    guard let index = tables.serviceIndex.find(key), index < tables.config.pointee.services_used else {
      return nil
    }
    let record = try tables.services.record(index)
    // A command that was killed may have left an index entry without a service behind it.
    guard record.pointee.status == SVS_LIVE, record.pointee.key == key else { return nil }
    return (index, record)
  }

  /// Called after the servers of a service have changed.
  ///
  /// A table of servers is made anew; in a sitting that waits for the changes that follow.
  func serversChanged(
    _ index: UInt32, _ record: UnsafeMutablePointer<svs_service>, _ tables: Tables
  ) throws(DirectorError) {
    guard isSitting else { return try reschedule(index, record, tables) }
    let scheduler = record.pointee.scheduler
    guard SchedulerNames.followsServers(scheduler) else { return }
    if SchedulerNames.tableRecords(scheduler) > 0 {
      backlog.services.insert(index)
      postpone(tables)
      return
    }
    var state = record.state
    if let weights = ledger.longLists[index]?.weights, SchedulerNames.weightsChanged(scheduler, &state, weights.keys) {
      return record.write(state)
    }
    try reschedule(index, record, tables)
  }

  /// Brings the scheduler's own state in line with the service's servers.
  ///
  /// - Parameter next: the scheduler that takes over, from its own beginning. Whatever a packet sees on the way, the
  ///   scheduler never looks beyond the table it finds.
  func reschedule(
    _ index: UInt32, _ record: UnsafeMutablePointer<svs_service>, _ tables: Tables, by successor: UInt8? = nil
  ) throws(DirectorError) {
    let scheduler = successor ?? record.pointee.scheduler
    var servers: [ServerView] = []
    var next = record.pointee.first
    while next != 0 {
      let server = try tables.servers.record(next - 1)
      servers.append(ServerView(server: next, server))
      next = server.pointee.next
    }
    record.pointee.server_count = UInt32(servers.count)
    var state = record.state
    if successor != nil { state.cursor = 0 }
    // A simulation draws the same numbers each time.
    if isSimulated, scheduler == TwoChoices.number, state.cursor == 0 { state.cursor = UInt64(index) + 1 }
    SchedulerNames.rulesChanged(scheduler, &state, servers)
    let old = record.pointee.table
    let oldRecords = SchedulerNames.tableRecords(record.pointee.scheduler)
    // Packets go on with the old table until the new one is whole.
    let new = try state.table.map { buckets throws(DirectorError) in try store(buckets, tables) + 1 } ?? 0
    record.write(state)
    if successor != nil { record.pointee.memory &+= 1 }
    if SchedulerNames.tableRecords(scheduler) >= oldRecords {
      record.pointee.table = new
      record.pointee.scheduler = scheduler
    } else {
      record.pointee.scheduler = scheduler
      record.pointee.table = new
    }
    // To the front: it is taken again last, when no packet looks at it any more.
    if old != 0 { ledger.freeTables?.giveBack(old - 1, oldRecords) }
  }
}

extension UnsafeMutablePointer where Pointee == svs_service {
  /// Writes what an operator sets, but for the scheduler.
  func write(_ settings: ServiceSettings) {
    pointee.scheduler_flags = settings.schedulerFlags
    pointee.one_packet = settings.onePacket ? 1 : 0
    pointee.engine = settings.persistenceEngine == "sip" ? 1 : 0
    pointee.persistence = settings.persistence
    pointee.netmask = settings.netmask
  }

  /// The scheduler's own state, but for its table.
  var state: SchedulerState {
    SchedulerState(cursor: pointee.cursor, maximumWeight: pointee.max_weight, weightDivisor: pointee.weight_gcd)
  }

  func write(_ state: SchedulerState) {
    pointee.max_weight = state.maximumWeight
    pointee.weight_gcd = state.weightDivisor
    // The packet path moves it too.
    if state.cursor != pointee.cursor { pointee.cursor = state.cursor }
  }

  var settings: ServiceSettings {
    ServiceSettings(
      scheduler: SchedulerNames.name(pointee.scheduler) ?? "?", persistence: pointee.persistence,
      netmask: pointee.netmask, onePacket: pointee.one_packet != 0, schedulerFlags: pointee.scheduler_flags,
      persistenceEngine: pointee.engine == 1 ? "sip" : "")
  }
}
