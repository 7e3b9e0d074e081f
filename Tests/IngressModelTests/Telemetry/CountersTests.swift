@testable import IngressModel
import Testing

@Suite("Counters of requests")
struct CountersTests {
  @Test("Each outcome is counted where it belongs")
  func outcomes() {
    let counters = RequestCounters()
    let statuses: [Int?] = [101, 200, 204, 302, 404, 500, 503, nil, 42, 999]
    for status in statuses { counters.record(RequestOutcome(status: status), nanoseconds: 0) }
    counters.record(RequestOutcome(status: 502, failure: .malformed), nanoseconds: 0)
    counters.record(RequestOutcome(failure: .clientClosed, bytesReceived: 3, bytesSent: 4), nanoseconds: 0)
    let totals = counters.totals
    #expect(totals.statusClasses == [4, 1, 2, 1, 1, 3])
    #expect(totals.requests == 12)
    #expect(totals.errors == 3, "a failure with a status is one error; a client that leaves is none")
    for failure in RequestFailure.allCases {
      #expect(totals.failures(failure) == ([.malformed, .clientClosed].contains(failure) ? 1 : 0))
    }
    #expect((totals.bytesReceived, totals.bytesSent) == (3, 4))
  }

  @Test("Buckets hold their upper ends")
  func buckets() {
    for (index, bound) in DurationTotals.bounds.enumerated() {
      #expect(DurationTotals.bucket(of: bound) == index)
      #expect(DurationTotals.bucket(of: bound + 1) == index + 1)
    }
    #expect(DurationTotals.bucket(of: 0) == 0)
    #expect(DurationTotals.bucket(of: .max) == DurationTotals.bounds.count)
    #expect(RequestFailure.allCases.map(\.index) == Array(RequestFailure.allCases.indices))
  }

  @Test("Quantiles fall into the bucket of the true one")
  func quantiles() throws {
    #expect(DurationTotals().quantile(0.5) == nil)
    var random = RepeatableRandom(8)
    for _ in 0..<200 {
      let samples = (0..<Int.random(in: 1...300, using: &random)).map { _ in
        UInt64.random(in: 0...(1 << UInt64.random(in: 10...33, using: &random)), using: &random)
      }.sorted()
      var totals = DurationTotals()
      for sample in samples { totals.counts[DurationTotals.bucket(of: sample)] += 1 }
      for share in [0.0, 0.5, 0.9, 0.99, 1] {
        let rank = max(Int((share * Double(samples.count)).rounded(.up)) - 1, 0)
        let bucket = DurationTotals.bucket(of: samples[rank])
        let low = bucket == 0 ? 0 : DurationTotals.bounds[bucket - 1]
        #expect((low...DurationTotals.bounds[bucket]).contains(try #require(totals.quantile(share))))
      }
    }
    var slow = DurationTotals()
    slow.counts[DurationTotals.bounds.count] = 1
    #expect(slow.quantile(0.5) == 10_000_000_000)
  }

  @Test("Rates are of the time between two readings; counters that began anew give none")
  func rates() throws {
    let counters = RequestCounters()
    for _ in 0..<10 { counters.record(RequestOutcome(status: 200), nanoseconds: 100_000_000) }
    let before = counters.totals
    for _ in 0..<20 { counters.record(RequestOutcome(status: 200), nanoseconds: 80_000) }
    counters.record(RequestOutcome(failure: .reset), nanoseconds: 80_000)
    let rates = try #require(RequestRates(from: before, to: counters.totals, nanoseconds: 2_000_000_000))
    #expect(rates.requestsPerSecond == 10.5)
    #expect(rates.errorsPerSecond == 0.5)
    #expect(try #require(rates.percentile99) <= 100_000, "what came before does not count")
    #expect(RequestRates(from: before, to: before, nanoseconds: 0) == nil)
    let anew = try #require(RequestRates(from: before, to: RequestTotals(), nanoseconds: 1))
    #expect(anew.requestsPerSecond == 0)
    #expect(anew.median == nil)
  }

  @Test("History: rates from the second asking on, over at most five seconds, however many ask")
  func history() throws {
    let pools = try ServicePools([.servers([1])])
    let server = try #require(pools["shop"]?.servers.first)
    let history = StatusHistory()
    func ask(_ second: Double) -> Double? {
      let status = IngressStatus(
        process: ProcessStatus(version: "1", started: WallTime(seconds: 0)), routers: [], pools: pools,
        telemetry: IngressTelemetry(entryPoints: [], routers: []), time: WallTime(seconds: 1), at: .second(second))
      return history.rated(status).services.first?.servers.first?.rates?.requestsPerSecond
    }
    #expect(ask(10) == nil)
    #expect(ask(10.1) == nil)
    for _ in 0..<30 { server.finish(server.begin(at: .second(10)), RequestOutcome(status: 200), at: .second(10)) }
    #expect(ask(11) == 30)
    #expect(ask(13) == 10)
    #expect(ask(20) == nil, "nobody asked for longer than the window")
    #expect(ask(21) == 0)
  }

  @Test("Entry points and routers go on counting after a reload")
  func telemetry() throws {
    let router = Router(name: "r", rule: try Rule("Path(`/`)"), service: "s", source: BackendService.place)
    let web = EntryPointDescription(name: "web", address: ":80")
    let old = IngressTelemetry(entryPoints: [web], routers: [router])
    old.router("r")?.record(RequestOutcome(status: 200), nanoseconds: 1)
    old.entryPoint("web")?.connectionOpened()
    old.entryPoint("web")?.refused(.timeout)
    let new = IngressTelemetry(
      entryPoints: [web, EntryPointDescription(name: "a", address: ":1")], routers: [router], inheriting: old)
    old.entryPoint("web")?.connectionClosed()
    #expect(new.router("r")?.totals.requests == 1)
    #expect(new.router("none") == nil)
    #expect(new.entryPoint("web")?.totals.openConnections == 0)
    #expect(new.entryPoint("web")?.totals.connections == 1)
    #expect(new.entryPoint("web")?.totals.refused(.timeout) == 1)
    #expect(new.entryPoints.map(\.description.name) == ["a", "web"])
  }
}
