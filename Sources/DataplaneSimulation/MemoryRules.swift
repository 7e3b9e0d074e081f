import Dataplane
import DataplaneTypes

/// Rules for the platform in memory, entered as the kernel's are: a new server at the head of its service's list.
extension MemoryPlatform.State {
  /// Adds a service; returns its number.
  @discardableResult
  public func addService(_ key: svs_service_key, scheduler: UInt8, flags: UInt8 = 0) -> UInt32 {
    guard let config = configuration.find(0) else { return 0 }
    let index = config.pointee.services_used
    config.pointee.services_used += 1
    guard let record = serviceRecords.find(index) else { return 0 }
    record.pointee = svs_service()
    record.pointee.key = key
    record.pointee.number = index
    record.pointee.scheduler = scheduler
    record.pointee.scheduler_flags = flags
    record.pointee.status = UInt32(SVS_LIVE)
    _ = services.replace(key, index)
    reschedule(index)
    return index
  }

  /// Adds a server; returns its number. `server` says what an operator sets; the rest is filled in.
  @discardableResult
  public func addServer(_ server: svs_server, to service: UInt32) -> UInt32 {
    guard let config = configuration.find(0), let record = serviceRecords.find(service) else { return 0 }
    let index = config.pointee.servers_used
    config.pointee.servers_used += 1
    guard let entry = servers.find(index) else { return 0 }
    entry.pointee = server
    entry.pointee.status = UInt32(SVS_LIVE)
    entry.pointee.service = service
    entry.pointee.last_weight = server.weight
    entry.pointee.next = record.pointee.first
    record.pointee.first = index + 1
    record.pointee.server_count += 1
    reschedule(service)
    return index
  }

  /// Changes a server's weight.
  public func setWeight(_ weight: Int32, of server: UInt32) {
    guard let entry = servers.find(server) else { return }
    entry.pointee.weight = weight
    if weight != 0 { entry.pointee.last_weight = weight }
    reschedule(entry.pointee.service)
  }

  private func reschedule(_ service: UInt32) {
    guard let record = serviceRecords.find(service) else { return }
    var views: [ServerView] = []
    var next = record.pointee.first
    while next != 0, let server = servers.find(next - 1) {
      views.append(ServerView(server: next, server))
      next = server.pointee.next
    }
    var changing = Changing(
      state: SchedulerState(
        cursor: record.pointee.cursor, maximumWeight: record.pointee.max_weight,
        weightDivisor: record.pointee.weight_gcd), servers: views)
    guard Schedulers.visit(record.pointee.scheduler, &changing) != nil else { return }
    record.pointee.cursor = changing.state.cursor
    record.pointee.max_weight = changing.state.maximumWeight
    record.pointee.weight_gcd = changing.state.weightDivisor
    guard let buckets = changing.state.table else { return }
    // Room for the largest table there is.
    let first = service * 16
    for (i, server) in buckets.enumerated() {
      guard let table = hashTables.find(first + UInt32(i) / UInt32(SVS_TABLE_BUCKETS)) else { return }
      UnsafeMutableRawPointer(table).storeBytes(
        of: server, toByteOffset: i % Int(SVS_TABLE_BUCKETS) * 4, as: UInt32.self)
    }
    record.pointee.table = first + 1
  }

  private struct Changing: SchedulerVisitor {
    var state: SchedulerState
    let servers: [ServerView]
    mutating func visit<S: Scheduler>(_: S.Type) { S.rulesChanged(&state, servers) }
  }
}
