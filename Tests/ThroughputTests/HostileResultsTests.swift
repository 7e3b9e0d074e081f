import Measurement
import Testing

@testable import Throughput

/// What a peer says at the end of a test is a stranger's: it is taken or refused, and never ends the program.
@Suite struct HostileResultsTests {
  private static let members = [
    "id", "bytes", "retransmits", "jitter", "errors", "packets", "start_time", "end_time", "max_snd_cwnd",
    "max_snd_wnd", "max_rtt", "min_rtt", "mean_rtt", "omitted_errors", "omitted_packets",
  ]
  private static let numbers: [JSON] = [
    .integer(.min), .integer(-2), .integer(-1), .integer(0), .integer(1), .integer(3), .integer(1 << 31),
    .integer(1 << 53), .integer(1 << 53 + 1), .integer(.max), .number(1.8446744073709552e19), .number(-1e308),
    .number(1e308), .number(5e-324), .number(0.5), .null, .bool(true), .string("12"), .string(""), .array([]),
    .object([:]),
  ]

  private func results(_ generator: inout SeededGenerator, streams: Int) -> JSON {
    func number() -> JSON { Self.numbers[Int.random(in: 0..<Self.numbers.count, using: &generator)] }
    var list: [JSON] = []
    for index in 0..<streams {
      // Mostly right, so that most of it gets beyond the parser.
      var stream = JSON.object(["id": .integer(Int64(StreamNumber.at(index))), "bytes": .integer(1_000_000)])
      if Int.random(in: 0..<12, using: &generator) == 0 { stream = .object(["id": number(), "bytes": number()]) }
      for name in Self.members.dropFirst(2) where Bool.random(using: &generator) { stream.append(name, number()) }
      if Int.random(in: 0..<8, using: &generator) == 0 { stream.append("bytes", number()) }
      list.append(Int.random(in: 0..<30, using: &generator) == 0 ? number() : stream)
    }
    var json = JSON.object(["streams": Int.random(in: 0..<30, using: &generator) == 0 ? number() : .array(list)])
    for name in ["cpu_util_total", "cpu_util_user", "cpu_util_system", "sender_has_retransmits", "congestion_used"]
    where Bool.random(using: &generator) { json.append(name, number()) }
    if Bool.random(using: &generator) { json.append("server_output_text", .string("\u{1b}[2J\u{0}\u{fffd}")) }
    if Bool.random(using: &generator) { json.append("server_output_json", number()) }
    return json
  }

  @Test("Reports are made of whatever was taken", arguments: 1...6 as ClosedRange<UInt64>)
  func reports(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var taken = 0
    for round in 0..<1500 {
      let streams = 1 + round % 3
      guard let remote = try? EndResults(wireForm: results(&generator, streams: streams)) else { continue }
      taken += 1
      for transport in [TestParameters.Transport.tcp, .udp] {
        for direction in [TestParameters.Direction.forward, .reverse, .bidirectional] {
          for side in [TestRecord.Side.client, .server] {
            let record = record(transport, direction, streams, side, remote)
            #expect(!TextReport(style: ReportStyle()).summary(record).isEmpty)
            var verbose = ReportStyle()
            verbose.isVerbose = true
            _ = TextReport(style: verbose).summary(record)
            let json = JSONReport(record).value
            // What is written can be read: no number that JSON does not have.
            #expect((try? JSON(parsing: Array(json.compact.utf8))) != nil)
            for end in record.directions { #expect(end.sentBytes.isFinite && end.bitsPerSecond.isFinite) }
          }
        }
      }
    }
    #expect(taken > 300)
  }

  private func record(
    _ transport: TestParameters.Transport, _ direction: TestParameters.Direction, _ streams: Int,
    _ side: TestRecord.Side, _ remote: EndResults
  ) -> TestRecord {
    var parameters = TestParameters()
    parameters.transport = transport
    parameters.direction = direction
    parameters.streams = streams
    var record = TestRecord(side: side, parameters: parameters, peer: Endpoint(host: "127.0.0.1", port: 5201))
    let count = streams * (direction == .bidirectional ? 2 : 1)
    record.streams = (0..<count).map { index in
      let isForward = direction == .forward || direction == .bidirectional && index < streams
      return TestRecord.StreamDescription(
        id: StreamNumber.at(index), label: 5 + 2 * index, isSender: isForward == (side == .client),
        local: Endpoint(host: "127.0.0.1", port: 40_000), remote: Endpoint(host: "127.0.0.1", port: 5201))
    }
    var sample = Interval.Sample()
    sample.bytes = 1_000_000
    sample.packets = 700
    record.intervals = [
      Interval(start: 0, end: 1, isOmitted: false, samples: record.streams.map { _ in sample })
    ]
    record.totals = record.streams.map { _ in StreamTotal(sample: sample, end: 1, extremes: StreamTotal.Extremes()) }
    record.remote = remote
    return record
  }
}
