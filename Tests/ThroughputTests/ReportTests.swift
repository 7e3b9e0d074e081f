import Glibc
import HostSystem
import Testing

@testable import Throughput

/// Reports against what Debian's iperf3 3.12 printed.
@Suite struct ReportTests {
  private func record(
    _ transport: TestParameters.Transport = .tcp, _ direction: TestParameters.Direction = .forward, streams: Int = 1,
    side: TestRecord.Side = .client
  ) -> TestRecord {
    var parameters = TestParameters()
    parameters.transport = transport
    parameters.direction = direction
    parameters.streams = streams
    var record = TestRecord(side: side, parameters: parameters, peer: Endpoint(host: "127.0.0.1", port: 5310))
    let count = streams * (direction == .bidirectional ? 2 : 1)
    record.streams = (0..<count).map { index in
      let isForward = direction == .forward || direction == .bidirectional && index < streams
      return TestRecord.StreamDescription(
        id: StreamNumber.at(index), label: 5 + 2 * index, isSender: isForward == (side == .client),
        local: Endpoint(host: "127.0.0.1", port: UInt16(48678 + index)), remote: Endpoint(host: "127.0.0.1", port: 5310)
      )
    }
    return record
  }

  private func interval(_ samples: [Interval.Sample], from: Double = 0, to: Double = 1, isOmitted: Bool = false)
    -> Interval
  {
    Interval(start: from, end: to, isOmitted: isOmitted, samples: samples)
  }

  private func sample(_ bytes: Double, retransmits: Int64 = 0, window: Double? = nil) -> Interval.Sample {
    var sample = Interval.Sample()
    sample.bytes = UInt64(bytes)
    sample.retransmits = retransmits
    sample.connection = window.map { Interval.Connection(congestionWindow: UInt64($0)) }
    return sample
  }

  private let text = TextReport(style: ReportStyle())
  private let GB = 1_073_741_824.0
  private let MB = 1_048_576.0

  @Test func tcpRows() {
    let record = record()
    #expect(text.opening(record) == ["Connecting to host 127.0.0.1, port 5310"])
    #expect(text.streams(record) == ["[  5] local 127.0.0.1 port 48678 connected to 127.0.0.1 port 5310"])
    #expect(text.heading(record) == "[ ID] Interval           Transfer     Bitrate         Retr  Cwnd")
    let row = interval([sample(4.46 * GB, retransmits: 3, window: 2.62 * MB)])
    #expect(
      text.interval(row, record)
        == ["[  5]   0.00-1.00   sec  4.46 GBytes  38.3 Gbits/sec    3   2.62 MBytes       "])
    let omitted = interval([sample(1.98 * GB, retransmits: 5, window: 1023 * 1024)], isOmitted: true)
    #expect(
      text.interval(omitted, record)
        == ["[  5]   0.00-1.00   sec  1.98 GBytes  17.0 Gbits/sec    5   1023 KBytes       (omitted)"])
  }

  @Test func sumsOfStreams() {
    let record = record(streams: 2)
    let row = interval([
      sample(1.93 * GB, window: 4.25 * MB), sample(1.825 * GB, window: 4.25 * MB),
    ])
    #expect(
      text.interval(row, record) == [
        "[  5]   0.00-1.00   sec  1.93 GBytes  16.6 Gbits/sec    0   4.25 MBytes       ",
        "[  7]   0.00-1.00   sec  1.82 GBytes  15.7 Gbits/sec    0   4.25 MBytes       ",
        "[SUM]   0.00-1.00   sec  3.75 GBytes  32.3 Gbits/sec    0             ",
        "- - - - - - - - - - - - - - - - - - - - - - - - -",
      ])
  }

  @Test func bothDirections() {
    let record = record(.tcp, .bidirectional)
    #expect(text.heading(record) == "[ ID][Role] Interval           Transfer     Bitrate         Retr  Cwnd")
    let row = interval([sample(2.59 * GB, retransmits: 1, window: 895 * 1024), sample(2.33 * GB)])
    #expect(
      text.interval(row, record) == [
        "[  5][TX-C]   0.00-1.00   sec  2.59 GBytes  22.2 Gbits/sec    1    895 KBytes       ",
        "[  7][RX-C]   0.00-1.00   sec  2.33 GBytes  20.0 Gbits/sec                  ",
      ])
  }

  @Test func datagramRows() {
    var sent = sample(131_072)
    sent.packets = 4
    var received = sent
    received.jitter = 0.000_749
    let row = interval([sent])
    #expect(text.heading(record(.udp)) == "[ ID] Interval           Transfer     Bitrate         Total Datagrams")
    #expect(
      text.interval(row, record(.udp)) == ["[  5]   0.00-1.00   sec   128 KBytes  1.05 Mbits/sec  4  "])
    #expect(
      text.interval(interval([received]), record(.udp, .reverse))
        == ["[  5]   0.00-1.00   sec   128 KBytes  1.05 Mbits/sec  0.749 ms  0/4 (0%)  "])
    let both = record(.udp, .bidirectional)
    #expect(
      text.interval(interval([sent, received]), both).first
        == "[  5][TX-C]   0.00-1.00   sec   128 KBytes  1.05 Mbits/sec            4  ")
  }

  @Test func summaries() {
    var record = record()
    var total = StreamTotal(sample: sample(9.74 * GB, retransmits: 3), end: 2)
    record.totals = [total]
    var told = EndResults.Stream(id: 1)
    told.bytes = UInt64(9.74 * GB)
    told.end = 2
    record.remote = EndResults()
    record.remote?.streams = [told]
    #expect(
      text.summary(record) == [
        "- - - - - - - - - - - - - - - - - - - - - - - - -",
        "[ ID] Interval           Transfer     Bitrate         Retr",
        "[  5]   0.00-2.00   sec  9.74 GBytes  41.8 Gbits/sec    3             sender",
        "[  5]   0.00-2.00   sec  9.74 GBytes  41.8 Gbits/sec                  receiver",
      ])
    var datagrams = self.record(.udp)
    total.sample = sample(262_144)
    total.sample.packets = 8
    datagrams.totals = [total]
    told.bytes = 262_144
    told.packets = 8
    told.jitter = 0.008_899
    datagrams.remote = EndResults()
    datagrams.remote?.streams = [told]
    #expect(
      text.summary(datagrams).suffix(3) == [
        "[ ID] Interval           Transfer     Bitrate         Jitter    Lost/Total Datagrams",
        "[  5]   0.00-2.00   sec   256 KBytes  1.05 Mbits/sec  0.000 ms  0/8 (0%)  sender",
        "[  5]   0.00-2.00   sec   256 KBytes  1.05 Mbits/sec  8.899 ms  0/8 (0%)  receiver",
      ])
  }

  @Test("The layout of iperf3 3.1: Bandwidth, and nothing behind the last column") func oldLayout() {
    var style = ReportStyle()
    style.layout = .old
    let old = TextReport(style: style)
    var record = record()
    record.streams[0].label = 4
    #expect(old.heading(record) == "[ ID] Interval           Transfer     Bandwidth       Retr  Cwnd")
    #expect(
      old.interval(interval([sample(313 * MB, window: 1.38 * MB)], from: 0, to: 1), record)
        == ["[  4]   0.00-1.00   sec   313 MBytes  2.63 Gbits/sec    0   1.38 MBytes"])
    record.totals = [StreamTotal(sample: sample(3.75 * GB, retransmits: 5), end: 10)]
    #expect(
      old.summary(record).prefix(3) == [
        "- - - - - - - - - - - - - - - - - - - - - - - - -",
        "[ ID] Interval           Transfer     Bandwidth       Retr",
        "[  4]   0.00-10.00  sec  3.75 GBytes  3.22 Gbits/sec    5             sender",
      ])
  }

  /// Every name in a JSON value with the names it lies in; elements of a list are alike.
  private func names(_ json: JSON, _ path: String = "") -> Set<String> {
    switch json {
    case .object(let members):
      members.reduce(into: []) { $0.formUnion(names($1.value, path + "." + $1.name).union([path + "." + $1.name])) }
    case .array(let values): values.reduce(into: []) { $0.formUnion(names($1, path + "[]")) }
    default: []
    }
  }

  @Test(
    "iperf3's JSON has the same members, from both programs at iperf3's server",
    arguments: ["", "-P 2", "-R", "--bidir", "-u -b 2M", "-u -b 2M -R", "-u -b 2M --bidir"])
  func sameJSON(_ options: String) throws {
    // One each: iperf3's server is busy for a moment after a test.
    let servers = (try RealServer(), try RealServer())
    let real = try RealIperf3.report(servers.0.port, "-t 1 " + options)
    let record = try runClient(servers.1.port) { settings in
      settings.parameters.transport = options.contains("-u") ? .udp : .tcp
      settings.parameters.rate = options.contains("-u") ? 2_000_000 : 0
      settings.parameters.direction =
        options.contains("-R") ? .reverse : options.contains("--bidir") ? .bidirectional : .forward
      settings.parameters.streams = options.contains("-P") ? 2 : 1
    }
    #expect(record.error == nil)
    let ours = try JSON(parsing: Array(JSONReport(record).value.indented().utf8))
    #expect(names(real).subtracting(names(ours)) == [])
    // The one that newer versions have, and scripts look for.
    #expect(names(ours).subtracting(names(real)).subtracting([".start.test_start.bidir"]) == [])
  }
}
