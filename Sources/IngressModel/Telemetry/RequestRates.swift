import Synchronization

/// How fast counters have grown over the last seconds.
public struct RequestRates: Hashable, Sendable {
  public var requestsPerSecond: Double
  public var errorsPerSecond: Double
  /// Durations in nanoseconds, as the histogram's buckets tell them; nil without requests.
  public var median: UInt64?
  public var percentile99: UInt64?

  /// Nil where no time has passed.
  public init?(from earlier: RequestTotals, to later: RequestTotals, nanoseconds: UInt64) {
    guard nanoseconds > 0 else { return nil }
    let seconds = Double(nanoseconds) / 1e9
    requestsPerSecond = Double(later.requests.minus(earlier.requests)) / seconds
    errorsPerSecond = Double(later.errors.minus(earlier.errors)) / seconds
    let durations = later.durations.since(earlier.durations)
    median = durations.quantile(0.5)
    percentile99 = durations.quantile(0.99)
  }
}

extension IngressStatus {
  /// The same with rates, from an earlier one; what is new since then has none yet.
  public func rated(since earlier: IngressStatus) -> IngressStatus {
    let span = moment.since(earlier.moment)
    guard span > 0 else { return self }
    var rated = self
    let routersBefore = Dictionary(
      earlier.routers.map { ($0.router.name, $0.totals) }, uniquingKeysWith: { first, _ in first })
    for index in rated.routers.indices {
      guard let before = routersBefore[rated.routers[index].router.name] else { continue }
      rated.routers[index].rates = RequestRates(from: before, to: rated.routers[index].totals, nanoseconds: span)
    }
    let pointsBefore = Dictionary(
      earlier.entryPoints.map { ($0.description.name, $0.totals) }, uniquingKeysWith: { first, _ in first })
    for index in rated.entryPoints.indices {
      guard let before = pointsBefore[rated.entryPoints[index].description.name] else { continue }
      let requests = rated.entryPoints[index].totals.requests.minus(before.requests)
      rated.entryPoints[index].requestsPerSecond = Double(requests) / (Double(span) / 1e9)
    }
    let servicesBefore = Dictionary(
      earlier.services.map { ($0.service.name, $0) }, uniquingKeysWith: { first, _ in first })
    for index in rated.services.indices {
      guard let before = servicesBefore[rated.services[index].service.name] else { continue }
      rated.services[index].rate(since: before, nanoseconds: span)
    }
    return rated
  }
}

extension ServiceStatus {
  fileprivate mutating func rate(since earlier: ServiceStatus, nanoseconds: UInt64) {
    rates = RequestRates(from: earlier.totals, to: totals, nanoseconds: nanoseconds)
    let before = Dictionary(
      earlier.servers.map { ($0.server.description, $0.totals) }, uniquingKeysWith: { first, _ in first })
    for index in servers.indices {
      guard let totals = before[servers[index].server.description] else { continue }
      servers[index].rates = RequestRates(from: totals, to: servers[index].totals, nanoseconds: nanoseconds)
    }
  }
}

/// The statuses of the last seconds, from which rates are told whenever somebody asks.
///
/// It needs no timer: each asking is a reading. Several askers share the readings.
public final class StatusHistory: Sendable {
  /// Rates are over at most this time, and at least the other.
  static let window: UInt64 = 5_500_000_000
  static let shortest: UInt64 = 500_000_000

  private let readings = Mutex([IngressStatus]())

  public init() {}

  /// The status with rates since the oldest reading within five seconds; without, if there is none yet.
  public func rated(_ status: IngressStatus) -> IngressStatus {
    readings.withLock { readings in
      readings.removeAll { status.moment.since($0.moment) > Self.window }
      let oldest = readings.first { status.moment.since($0.moment) >= Self.shortest }
      // Many askers must not make many readings.
      if readings.last.map({ status.moment.since($0.moment) >= Self.shortest }) ?? true { readings.append(status) }
      return oldest.map { status.rated(since: $0) } ?? status
    }
  }
}
