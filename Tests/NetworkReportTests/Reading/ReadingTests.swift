import Glibc
import Testing

@testable import NetworkReport

@Suite("Reading the instruments")
struct ReadingTests {
  @Test("Throughput: rows, both ends, and the echo beside the load")
  func throughput() throws {
    let reading = try ThroughputReading(json: Samples.throughput, data: "svs: something\n" + Samples.echo)
    #expect(reading.intervals.count == 2)
    #expect(reading.intervals[0].retransmits == 1137 && reading.intervals[0].congestionWindowBytes == 1_711_536)
    #expect(reading.intervals[0].tcpRoundTripMilliseconds == 0.446)
    #expect(reading.tcpRoundTripMilliseconds == 0.297)
    #expect(reading.sender?.retransmits == 1227)
    #expect(reading.receiver?.bytes == 1_300_365_312 && reading.receiver?.retransmits == nil)
    #expect(reading.congestionControl == "bbr")
    #expect(reading.idleRoundTripMilliseconds == 0.2)
    #expect(reading.loadedRoundTripMilliseconds == 0.5)
  }

  @Test("TCP's beginning, the first row, is not in a run's rate")
  func steady() throws {
    let reading = try ThroughputReading(json: Samples.throughput)
    let seconds = try #require(reading.steadySeconds), rate = try #require(reading.steadyBitsPerSecond)
    #expect(abs(seconds - 0.500712) < 1e-6 && abs(rate - 673_841_152 * 8 / 0.500712) < 1e4)
    // Without rows, and with one, there is only the whole run.
    let whole = try ThroughputReading(
      json: #"{"end": {"sum_received": {"start": 0, "end": 2, "seconds": 2, "bytes": 1000, "bits_per_second": 4000}}}"#)
    #expect(whole.steadySeconds == 2 && whole.steadyBitsPerSecond == 4000)
  }

  @Test("Of samples the last seconds are cut out, whatever went before")
  func samples() throws {
    let samples = (0...50).map { number in
      // Idle for three fifths, then both processors are busy.
      let seconds = Double(number) / 25
      return ProcessorSampler.Sample(
        seconds: seconds, times: ProcessorTimes(busySeconds: 2 * max(0, seconds - 1.2), idleSeconds: 0))
    }
    let window = try #require(samples.last(0.75))
    #expect(abs(window.seconds - 0.75) <= 0.04 && abs(window.times.busySeconds / window.seconds - 2) < 0.01)
    #expect(samples.last(60)?.seconds == 2)
    #expect([ProcessorSampler.Sample]().last(1) == nil && Array(samples.prefix(1)).last(1) == nil)
  }

  @Test("Processors are looked at while something runs, and what it throws is thrown")
  func sampling() throws {
    let network = ScriptedNetwork { _, _ in ScriptedNetwork.says("") }
    let samples = try ProcessorSampler.samples(of: network) { usleep(200_000) }
    #expect(samples.count >= 3 && zip(samples, samples.dropFirst()).allSatisfy { $0.seconds <= $1.seconds })
    #expect((samples.last?.seconds ?? 0) >= 0.2)
    #expect(throws: MeasuringError("no")) {
      _ = try ProcessorSampler.samples(of: network) { () throws(MeasuringError) in throw MeasuringError("no") }
    }
  }

  @Test("A failed test is told in iperf3's words")
  func throughputFailure() {
    #expect(throws: MeasuringError("unable to connect to server: Connection refused")) {
      try ThroughputReading(
        json: #"{"start": {}, "intervals": [], "end": {}, "error": "unable to connect to server: Connection refused"}"#)
    }
    #expect(throws: MeasuringError.self) { try ThroughputReading(json: #"{"end": {"sum_received": {"bytes": 0}}}"#) }
    #expect(throws: MeasuringError.self) { try ThroughputReading(json: "") }
  }

  @Test("Latency: answered requests, failed ones, and pages of errors")
  func latency() throws {
    let reading = try LatencyReading(json: Samples.latency)
    #expect(reading.requests.count == 3)
    #expect(reading.answered.map(\.totalSeconds) == [0.002138])
    #expect(reading.requests.map(\.error) == [nil, "connection refused", "status 503"])
    #expect(reading.requests[0].connectSeconds == 0.000525 && reading.requests[0].status == 200)
  }

  @Test("Load: totals, seconds, percentiles, failures")
  func load() throws {
    let reading = try LoadReading(json: Samples.load)
    #expect(reading.total.requests == 9632 && reading.total.failures == 2)
    #expect(reading.total.requestsPerSecond == 9612.1)
    #expect(reading.tasks.map(\.name) == ["GET /"])
    #expect(reading.perSecond.map(\.second) == [0, 1] && reading.perSecond.map(\.requests) == [451, 9181])
    #expect(reading.problems == ["timed out": 2])
    #expect(reading.percentiles.first { $0.share == 0.9 }?.milliseconds == 1)
    #expect(reading.percentiles.first { $0.share == 0.99 }?.milliseconds == 4)
  }

  @Test("Locust: its page's numbers")
  func locust() throws {
    let reading = try LocustReading(json: Samples.locust)
    #expect(reading.workers == 2 && reading.requests == 900 && reading.failures == 3)
    #expect(!reading.hasEnded && reading.failuresByKind == ["timed out": 3])
    #expect(reading.percentiles.map(\.milliseconds) == [4, 12, 30, 80])
    #expect(reading.tasks.map(\.name) == ["GET /"])
    let ended = Samples.locust.replacing("running", with: "stopped")
    #expect(try LocustReading(json: ended).hasEnded)
  }

  @Test("Locust: all percentiles from its table, else those of the page")
  func locustTable() throws {
    var reading = try LocustReading(json: Samples.locust)
    for table in ["", "Not found", Samples.locustTable.replacing("Aggregated", with: "All")] {
      reading.take(percentilesOf: table)
      #expect(reading.percentiles.map(\.milliseconds) == [4, 12, 30, 80])
    }
    // Before any request the table has no figures.
    reading.take(percentilesOf: Samples.locustTable.replacing(/,[0-9]+(?=,|\n|$)/, with: ",N/A"))
    #expect(reading.percentiles.count == 4)
    reading.take(percentilesOf: Samples.locustTable)
    #expect(reading.percentiles.map(\.share) == [0.5, 0.66, 0.75, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999, 1])
    #expect(reading.percentiles.map(\.milliseconds) == [1, 1, 1, 1, 2, 3, 4, 5, 8, 21])
  }

  @Test("Locust: requests a second are the answered ones in the time that was measured")
  func locustRates() throws {
    var run = LoadRun(generator: .locust, title: "", host: "", url: "", users: 1, seconds: 4)
    run.take(try LocustReading(json: Samples.locust), seconds: 4.5)
    #expect(run.seconds == 4.5 && run.requests == 900 && run.requestsPerSecond == 897 / 4.5)
    #expect(run.tasks.first?.requestsPerSecond == 897 / 4.5 && run.meanMilliseconds == 5.5)
    run.take(try LocustReading(json: #"{"stats": [], "errors": [], "state": "stopped"}"#), seconds: 4.5)
    #expect(run.requests == 0 && run.requestsPerSecond == nil && run.tasks.isEmpty)
  }

  @Test("Whatever arrives is read or refused, and no figure is without meaning", arguments: UInt64(1)...40)
  func fuzz(seed: UInt64) {
    var generator = Seeded(state: seed)
    for sample in [Samples.throughput, Samples.latency, Samples.load, Samples.locust, Samples.echo] {
      for _ in 0..<40 {
        let text = damaged(sample, &generator)
        if let reading = try? ThroughputReading(json: text, data: text) {
          #expect(reading.intervals.allSatisfy { $0.bytes.isFinite && $0.bitsPerSecond.isFinite })
          #expect(reading.receiver.map { $0.bitsPerSecond.isFinite && $0.bitsPerSecond > 0 } == true)
        }
        if let reading = try? LatencyReading(json: text) {
          #expect(reading.answered.allSatisfy { $0.totalSeconds.isFinite && $0.totalSeconds >= 0 })
        }
        if let reading = try? LoadReading(json: text) {
          #expect(reading.total.failures <= reading.total.requests && reading.total.requests >= 0)
          #expect(reading.percentiles.allSatisfy { $0.milliseconds.isFinite })
        }
        if var reading = try? LocustReading(json: text) {
          reading.take(percentilesOf: damaged(Samples.locustTable, &generator))
          #expect(reading.failures <= reading.requests)
          #expect(reading.percentiles.allSatisfy { $0.milliseconds.isFinite })
        }
        _ = InterfaceReading.interfaces(text, host: "x")
        _ = InterfaceReading.offloads(text)
        _ = ProcessorTimes(stat: text)
        _ = ListeningPorts(text)
      }
    }
  }

  private func damaged(_ text: String, _ generator: inout Seeded) -> String {
    var bytes = Array(text.utf8)
    let words = ["1e999", "-1", "null", "[]", "{}", "\"x\"", "18446744073709551616", "0", "[[[[", "true", "\"nan\""]
    for _ in 0..<Int.random(in: 1...4, using: &generator) where !bytes.isEmpty {
      let place = Int.random(in: 0..<bytes.count, using: &generator)
      switch Int.random(in: 0..<4, using: &generator) {
      case 0: bytes.removeLast(bytes.count - place)
      case 1: bytes[place] = UInt8.random(in: 0...255, using: &generator)
      case 2: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1...20, using: &generator)))
      default:
        // A number in place of another, so that the text often stays JSON.
        guard let start = bytes[place...].firstIndex(where: { (48...57).contains($0) }) else { continue }
        let end = bytes[start...].firstIndex { !(48...57).contains($0) && $0 != 46 } ?? bytes.count
        bytes.replaceSubrange(start..<end, with: Array((words.randomElement(using: &generator) ?? "0").utf8))
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  @Test("Deep nesting is refused, not followed without end")
  func nesting() {
    let deep = "{\"result\":" + String(repeating: "[", count: 100_000) + String(repeating: "]", count: 100_000) + "}"
    #expect(throws: MeasuringError.self) { try LatencyReading(json: deep) }
  }

  @Test("/proc/stat: busy, idle and stolen time")
  func processors() throws {
    let text = "cpu  100 20 30 4000 50 6 7 8 90 0\ncpu0 1 2 3 4 5 6 7 8\nintr 5\n"
    let times = try #require(ProcessorTimes(stat: text))
    #expect(times == ProcessorTimes(busySeconds: 1.63, idleSeconds: 40.5, stolenSeconds: 0.08))
    let later = ProcessorTimes(busySeconds: 2.63, idleSeconds: 41.5, stolenSeconds: 0.08)
    #expect(later.since(times).busyShare == 0.5)
    #expect(times.since(later).busyShare == nil)
    #expect(ProcessorTimes(stat: "cpu 1 2 x 4 5 6 7") == nil && ProcessorTimes(stat: "cpu0 1 2 3 4 5 6 7") == nil)
    #expect(try ProcessorTimes.ofThisMachine().busySeconds > 0)
  }

  @Test("/proc/net/tcp: only what listens")
  func ports() {
    let table = """
        sl  local_address rem_address   st tx_queue
         0: 00000000:3039 00000000:0000 0A 00000000:00000000 00:00000000
         1: 0100007F:1F40 0100007F:9999 01 00000000:00000000 00:00000000
         2: 00000000000000000000000000000000:1F41 00000000000000000000000000000000:0000 0A 0
      """
    let ports = ListeningPorts(table)
    #expect(ports.contains(12345) && ports.contains(8001) && !ports.contains(8000))
  }

  @Test("Interfaces with their kind, MTU and offloads")
  func interfaces() {
    let links = """
      [{"ifname":"lo","mtu":65536},{"ifname":"eth0","mtu":1500,"linkinfo":{"info_kind":"veth"}},
       {"ifname":"flannel.1","mtu":1450,"linkinfo":{"info_kind":"vxlan"}}]
      """
    #expect(
      InterfaceReading.interfaces(links, host: "node1") == [
        InterfaceSummary(host: "node1", name: "eth0", kind: "veth", mtuBytes: 1500),
        InterfaceSummary(host: "node1", name: "flannel.1", kind: "vxlan", mtuBytes: 1450),
      ])
    let features =
      "Features for eth0:\nrx-checksumming: on [fixed]\ntcp-segmentation-offload: off\n\ttx-tcp-segmentation: on\n"
    #expect(InterfaceReading.offloads(features) == ["rx-checksumming"])
  }

  @Test("The ingress is asked by its name at its address, by both instruments")
  func accessWords() {
    let access = ReportTargets.Access(
      .outsideByIngress, from: "outside", url: "http://shop.test.com:8080/a?b", address: address("10.0.0.9"))
    #expect(access.resolution == ["--resolve", "shop.test.com:*:10.0.0.9"])
    #expect(access.loadWords == ["http://10.0.0.9:8080", "-H", "Host: shop.test.com:8080"])
    let plain = ReportTargets.Access(.nodeByClusterIP, from: "node", url: "http://10.96.0.5:8000/")
    #expect(plain.resolution.isEmpty && plain.loadWords == ["http://10.96.0.5:8000"])
    let six = ReportTargets.Access(.outsideByIngress, from: "o", url: "http://shop.test", address: address("fd00::9"))
    #expect(six.loadWords == ["http://[fd00::9]", "-H", "Host: shop.test"])
  }
}
