import Glibc
import HostSystem
import Synchronization
import Testing

@testable import Throughput

/// Tests between this product and Debian's iperf3, in both roles.
@Suite struct InteroperationTests {
  /// Options, streams in all, and whether the client sends, and receives.
  struct Kind: CustomTestStringConvertible, Sendable {
    var options: String
    var streams = 1
    var sends = true
    var receives = false
    var testDescription: String { options.isEmpty ? "TCP" : options }
    var isUDP: Bool { options.contains("-u") }
  }

  static let kinds: [Kind] = [
    Kind(options: ""), Kind(options: "-P 4", streams: 4), Kind(options: "-R", sends: false, receives: true),
    Kind(options: "-R -P 3", streams: 3, sends: false, receives: true),
    Kind(options: "--bidir", streams: 2, receives: true), Kind(options: "--bidir -P 2", streams: 4, receives: true),
    Kind(options: "-u -b 20M"), Kind(options: "-u -b 5M -P 3", streams: 3),
    Kind(options: "-u -b 20M -R", sends: false, receives: true),
    Kind(options: "-u -b 5M --bidir", streams: 2, receives: true),
    Kind(options: "-u -b 5M -l 400 --udp-counters-64bit"), Kind(options: "-b 50M"),
    Kind(options: "-w 256K"), Kind(options: "-M 1400"), Kind(options: "-N -l 16K"), Kind(options: "-C reno"),
    Kind(options: "-Z"), Kind(options: "-S 16"), Kind(options: "-6"), Kind(options: "-u -6 -b 5M"),
    Kind(options: "-O 1"), Kind(options: "-u -O 1 -b 5M"), Kind(options: "-B 127.0.0.2"),
    Kind(options: "-u -B 127.0.0.2 -b 5M"), Kind(options: "-T words"), Kind(options: "-V"),
    Kind(options: "-R -O 1 -w 128K -M 1200 -N -C reno -S 8", sends: false, receives: true),
  ]

  @Test("iperf3's client at this server", arguments: kinds) func realClient(_ kind: Kind) throws {
    // iperf3 3.12 mixes text into its JSON there.
    if kind.options == "-V" { return try verboseClient() }
    let own = try OwnServer()
    defer { own.stop() }
    let report = try RealIperf3.report(own.port, "-t 1 -i 0.5 " + kind.options)
    #expect(report["start"]?["connected"]?.elements.count == kind.streams)
    let end = try #require(report["end"])
    #expect(end["streams"]?.elements.count == kind.streams)
    func check(_ sent: JSON?, _ received: JSON?) throws {
      let sent = try #require(sent?["bytes"]?.real)
      let received = try #require(received?["bytes"]?.real)
      #expect(sent > 100_000 && received > 100_000)
      // What is under way at the end is counted by the sender alone.
      #expect(received <= sent * 1.05 + 400_000 && received > sent * 0.5 - 400_000)
    }
    try check(end["sum_sent"], end["sum_received"])
    if kind.sends && kind.receives { try check(end["sum_sent_bidir_reverse"], end["sum_received_bidir_reverse"]) }
    if kind.isUDP {
      let packets = try #require(end["sum"]?["packets"]?.whole)
      let lost = try #require(end["sum"]?["lost_packets"]?.whole)
      #expect(packets > 10 && lost >= 0 && lost < packets)
    } else {
      #expect(end["sender_tcp_congestion"]?.text == (kind.options.contains("reno") ? "reno" : defaultCongestion))
      #expect(end["receiver_tcp_congestion"]?.text != nil)
      let retransmits = try #require(end["sum_sent"]?["retransmits"]?.whole)
      #expect(retransmits >= 0)
    }
    // What this side reported of the same test.
    try waitUntil("the server reports") { own.text.contains(kind.receives ? "sender" : "receiver") }
    #expect(own.text.contains("Accepted connection from "))
    #expect(!own.text.contains("svs: "))
  }

  private func verboseClient() throws {
    let own = try OwnServer()
    defer { own.stop() }
    let (ending, output, _) = try RealIperf3.client(own.port, "-t 1 -V")
    #expect(ending == .exited(code: 0) && output.contains("Test Complete. Summary Results:"))
    #expect(output.contains("CPU Utilization: local/sender ") && output.contains("rcv_tcp_congestion"))
  }

  @Test("This client at iperf3's server", arguments: kinds) func realServer(_ kind: Kind) throws {
    let server = try RealServer()
    let words = kind.options.split(separator: " ").map(String.init)
    func value(_ option: String) -> String? {
      words.firstIndex(of: option).map { words.index(after: $0) }.map { words[$0] }
    }
    let lines = OwnServer.Printed()
    var style = ReportStyle()
    style.isVerbose = words.contains("-V")
    let record = try runClient(server.port, style: style, lines: lines) { settings in
      settings.interval = 0.5
      settings.localHost = value("-B")
      settings.parameters.omitted = value("-O").flatMap { Int($0) } ?? 0
      settings.parameters.title = value("-T")
      settings.host = words.contains("-6") ? "::1" : "127.0.0.1"
      settings.parameters.transport = kind.isUDP ? .udp : .tcp
      settings.parameters.direction =
        words.contains("-R") ? .reverse : words.contains("--bidir") ? .bidirectional : .forward
      settings.parameters.streams = value("-P").flatMap { Int($0) } ?? 1
      settings.parameters.rate = value("-b").flatMap(ScaledNumber.rate) ?? 0
      settings.parameters.window = value("-w").flatMap(ScaledNumber.amount).map { Int($0) } ?? 0
      settings.parameters.segmentSize = value("-M").flatMap { Int($0) } ?? 0
      settings.parameters.congestion = value("-C")
      settings.parameters.typeOfService = value("-S").flatMap { Int($0) } ?? 0
      settings.parameters.noDelay = words.contains("-N")
      settings.parameters.zeroCopy = words.contains("-Z")
      settings.parameters.wideCounters = words.contains("--udp-counters-64bit")
      if let length = value("-l").flatMap(ScaledNumber.amount) {
        settings.hasBlockSize = true
        settings.parameters.blockSize = Int(length)
      }
    }
    #expect(record.error == nil)
    #expect(record.isComplete && record.streams.count == kind.streams && record.intervals.count >= 2)
    #expect(record.directions.count == (kind.sends && kind.receives ? 2 : 1))
    for direction in record.directions {
      #expect(direction.sentBytes > 100_000 && direction.receivedBytes > 100_000)
      #expect(direction.receivedBytes <= direction.sentBytes * 1.05 + 400_000)
      if kind.isUDP {
        let datagrams = try #require(direction.datagrams)
        #expect(datagrams.sent > 10 && datagrams.lost < datagrams.sent)
      } else {
        #expect(try #require(direction.retransmits) >= 0)
      }
    }
    #expect(lines.text.contains("[ ID]") && lines.text.contains("receiver"))
    if let host = value("-B") { #expect(record.streams.allSatisfy { $0.local.host == host }) }
    if words.contains("-O") {
      #expect(record.intervals.contains(where: \.isOmitted) && lines.text.contains("(omitted)"))
      // One second that counts, whatever was left out before it.
      #expect(abs((record.totals.first?.end ?? 0) - 1) < 0.3)
    }
    if words.contains("-V") { #expect(lines.text.contains("Test Complete. Summary Results:")) }
    if let title = value("-T") { #expect(JSONReport(record).value["title"]?.text == title) }
    if words.contains("reno") { #expect(record.congestion == "reno") }
  }

  @Test("What iperf3's client reports of its options, at this server and at its own")
  func optionsInReports() throws {
    let own = try OwnServer()
    defer { own.stop() }
    let real = try RealServer()
    let options = "-t 1 -O 1 -B 127.0.0.2 -T words -M 1200 -w 128K -C reno -S 8 -N -b 50M"
    let (here, there) = (try RealIperf3.report(own.port, options), try RealIperf3.report(real.port, options))
    for path in [
      ["title"], ["start", "tcp_mss"], ["start", "sock_bufsize"], ["start", "test_start", "omit"],
      ["start", "test_start", "tos"], ["end", "sender_tcp_congestion"], ["end", "receiver_tcp_congestion"],
    ] {
      func value(_ report: JSON) -> JSON? { path.reduce(Optional(report)) { $0?[$1] } }
      #expect(value(here) == value(there) && value(here) != nil, "\(path)")
    }
    let connected = here["start"]?["connected"]?.elements.first
    #expect(connected?["local_host"]?.text == "127.0.0.2")
    #expect(here["intervals"]?.elements.first?["sum"]?["omitted"] == .bool(true))
    for report in [here, there] {
      let rate = try #require(report["end"]?["sum_received"]?["bits_per_second"]?.real)
      #expect(rate > 30_000_000 && rate < 70_000_000)
    }
  }

  private var defaultCongestion: String? { try? Sysctls.get("net.ipv4.tcp_congestion_control") }

  @Test("A test of an amount ends with it", arguments: ["-n 20M", "-k 160", "-R -n 20M", "-u -b 0 -n 2M"])
  func amounts(_ options: String) throws {
    let own = try OwnServer()
    defer { own.stop() }
    let end = try #require(try RealIperf3.report(own.port, options)["end"])
    let bytes = try #require(end[options.contains("-R") ? "sum_received" : "sum_sent"]?["bytes"]?.whole)
    #expect(bytes >= (options.hasPrefix("-u") ? 2 << 20 : 20 << 20))

    let server = try RealServer()
    let record = try runClient(server.port) { settings in
      settings.parameters.duration = 0
      settings.parameters.direction = options.contains("-R") ? .reverse : .forward
      if options.hasPrefix("-u") {
        settings.parameters.transport = .udp
        settings.parameters.bytes = 2 << 20
      } else if options.contains("-k") {
        settings.parameters.blocks = 160
      } else {
        settings.parameters.bytes = 20 << 20
      }
    }
    #expect(record.error == nil)
    let direction = try #require(record.directions.first)
    if options.contains("-R") {
      #expect(direction.receivedBytes >= Double(20 << 20))
    } else {
      let least = options.hasPrefix("-u") ? 2 << 20 : 20 << 20
      #expect(direction.sentBytes >= Double(least) && direction.sentBytes < Double(least + (128 << 10)))
    }
  }

  @Test("What is omitted does not count") func omitted() throws {
    let server = try RealServer()
    let record = try runClient(server.port) { settings in
      settings.parameters.omitted = 1
      settings.interval = 0.5
      settings.parameters.rate = 80_000_000
    }
    #expect(record.error == nil && record.intervals.contains(where: \.isOmitted))
    let rate = try #require(record.directions.first?.bitsPerSecond)
    #expect(rate > 60_000_000 && rate < 100_000_000)
    let counted = record.intervals.filter { !$0.isOmitted }
    #expect(counted.first?.start == 0)
    #expect(record.totals.first?.sample.bytes == counted.reduce(0) { $0 + ($1.samples.first?.bytes ?? 0) })
  }

  @Test("The server's own report comes to the client that wants it", arguments: [true, false])
  func serverOutput(isJSON: Bool) throws {
    let own = try OwnServer { $0.reportsJSON = isJSON }
    defer { own.stop() }
    let report = try RealIperf3.report(own.port, "-t 1 --get-server-output")
    if isJSON {
      #expect(report["server_output_json"]?["start"]?["accepted_connection"]?["host"]?.text == "127.0.0.1")
    } else {
      #expect(report["server_output_text"]?.text?.contains("Accepted connection from 127.0.0.1") == true)
    }
    let server = try RealServer()
    let record = try runClient(server.port) { $0.parameters.wantsServerOutput = true }
    #expect(record.remote?.serverText?.contains("Accepted connection from 127.0.0.1") == true)
  }

  @Test("Eight of iperf3's clients at once are all served") func eightAtOnce() throws {
    let own = try OwnServer()
    defer { own.stop() }
    let kinds = ["", "-R", "--bidir", "-P 2", "-u -b 2M", "-u -b 2M -R", "-u -b 2M -P 2", "-n 5M"]
    let outcomes = Mutex<[String: String]>([:])
    var workers: [Worker] = []
    let port = own.port
    for (index, kind) in kinds.enumerated() {
      workers.append(
        try Worker {
          let options = kind.contains("-n") ? kind : "-t 2 " + kind
          let text: String
          do {
            let outcome = try RealIperf3.client(port, options)
            text =
              outcome.ending == .exited(code: 0) && outcome.output.contains("iperf Done.") ? "served" : outcome.errors
          } catch {
            text = "\(error)"
          }
          outcomes.withLock { $0["\(index) \(kind)"] = text }
        })
    }
    workers.forEach { $0.join() }
    let all = outcomes.withLock { $0 }
    #expect(all.count == 8)
    for (kind, outcome) in all { #expect(outcome == "served", "\(kind)") }
  }
}
