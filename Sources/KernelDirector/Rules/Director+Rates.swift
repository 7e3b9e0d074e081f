import CLibbpf
import DataplaneTypes
import Glibc

/// How long rates are measured, in nanoseconds.
private let measuringTime: UInt64 = 1_000_000_000

extension Director {
  /// The services with what their counters grew by in the second that this takes.
  ///
  /// IPVS's kernel looks at every counter each 2 s and shows a mean over the last few rounds. Nothing of ours runs
  /// while nobody asks, so the rates are those of the second in which they were asked for. Services without servers
  /// cost no time: they count nothing.
  public func measureRates(of services: [ServiceSnapshot]) throws(DirectorError) -> [ServiceSnapshot] {
    guard services.contains(where: { !$0.servers.isEmpty }) else { return services }
    let start = Self.nanoseconds
    Self.wait(until: start + measuringTime)
    var later: [ServiceIdentity: ServiceSnapshot] = [:]
    if let only = services.first, services.count == 1 {
      do { later[only.identity] = try service(only.identity) } catch .noSuchService {}
    } else {
      for service in try self.services() { later[service.identity] = service }
    }
    let elapsed = Self.nanoseconds - start
    return services.map { before in
      guard let after = later[before.identity] else { return before }
      var result = before
      result.rates = Rates(from: before.counters, to: after.counters, nanoseconds: elapsed)
      var counters: [Endpoint: Counters] = [:]
      for server in after.servers { counters[server.endpoint] = server.counters }
      for index in result.servers.indices {
        guard let now = counters[result.servers[index].endpoint] else { continue }
        result.servers[index].rates = Rates(
          from: result.servers[index].counters, to: now, nanoseconds: elapsed)
      }
      return result
    }
  }

  /// What all servers counted since all counters were last zeroed, and how fast that grows: `/proc/net/ip_vs_stats`.
  ///
  /// Servers and services that are no more are in the sums. Takes a second unless there are no servers.
  public func totals() throws(DirectorError) -> (counters: Counters, rates: Rates) {
    let start = Self.nanoseconds
    let before = try total()
    guard before.servers > 0 else { return (before.counters, Rates()) }
    Self.wait(until: start + measuringTime)
    let after = try total()
    let rates = Rates(from: before.counters, to: after.counters, nanoseconds: Self.nanoseconds - start)
    return (after.counters, rates)
  }

  private func total() throws(DirectorError) -> (counters: Counters, servers: UInt32) {
    try locked { () throws(DirectorError) in
      guard let tables else { return (Counters(), 0) }
      let sum = counted(tables) - tables.operatorState[0].pointee.zeroed
      return (Counters(sum), tables.config.pointee.servers_used)
    }
  }

  /// What all servers there ever were have counted: a record's counters go on when another server gets it.
  func counted(_ tables: Tables) -> svs_counters {
    var sum = svs_counters()
    for index in 0..<tables.config.pointee.servers_used { sum += tables.serverCounters.read(index) }
    return sum
  }

  private static var nanoseconds: UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  private static func wait(until deadline: UInt64) {
    var time = timespec(tv_sec: Int(deadline / 1_000_000_000), tv_nsec: Int(deadline % 1_000_000_000))
    // A signal that is handled ends the sleep early; the deadline stands.
    while clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nil) == EINTR {}
  }
}

extension Rates {
  /// Per second, rounded; 0 where a counter went back, because somebody zeroed it meanwhile.
  init(from before: Counters, to after: Counters, nanoseconds: UInt64) {
    func rate(_ field: KeyPath<Counters, UInt64>) -> UInt64 {
      guard after[keyPath: field] > before[keyPath: field], nanoseconds > 0 else { return 0 }
      let growth = Double(after[keyPath: field] - before[keyPath: field])
      return UInt64((growth * 1e9 / Double(nanoseconds)).rounded())
    }
    self.init()
    connections = rate(\.connections)
    packetsIn = rate(\.packetsIn)
    packetsOut = rate(\.packetsOut)
    bytesIn = rate(\.bytesIn)
    bytesOut = rate(\.bytesOut)
  }
}
