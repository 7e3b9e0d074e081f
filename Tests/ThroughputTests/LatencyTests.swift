import Testing

@testable import Throughput

/// Round trips beside the throughput.
@Suite struct LatencyTests {
  @Test("Round trips without load and under it") func bothPhases() throws {
    let own = try OwnServer()
    defer { own.stop() }
    let lines = OwnServer.Printed()
    let record = try runClient(own.port, lines: lines) { $0.measuresLatency = true }
    #expect(record.error == nil)
    let latency = try #require(record.latency)
    #expect(latency.idle.count >= 100 && latency.loaded.count >= 20)
    // No round trip of the loopback takes no time, and none takes seconds.
    #expect((latency.idle + latency.loaded).allSatisfy { 1...5_000_000 ~= $0 })
    #expect(lines.text.contains("idle") && lines.text.contains("loaded"))
    #expect(record.directions.first?.receivedBytes ?? 0 > 1_000_000)
  }

  @Test("A paced load hardly changes them; both directions and UDP have them too") func otherTests() throws {
    let own = try OwnServer()
    defer { own.stop() }
    for (transport, direction) in [
      (TestParameters.Transport.udp, TestParameters.Direction.bidirectional), (.tcp, .reverse),
    ] {
      let record = try runClient(own.port) {
        $0.measuresLatency = true
        $0.parameters.transport = transport
        $0.parameters.direction = direction
        $0.parameters.rate = 1_000_000
      }
      #expect(record.error == nil)
      #expect(record.latency?.loaded.count ?? 0 > 50)
    }
  }

  @Test("iperf3's server has no echo: the test runs without") func noEcho() throws {
    let server = try RealServer()
    let record = try runClient(server.port) { $0.measuresLatency = true }
    #expect(record.error == nil && record.isComplete && record.latency == nil)
  }
}
