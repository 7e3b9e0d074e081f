import Measurement

/// What `svs bench throughput -c … -J` says of one run, and its data on standard error of the round trips beside it.
struct ThroughputReading: Sendable {
  var intervals: [TransferInterval]
  var sender: TransferSummary?
  var receiver: TransferSummary?
  var congestionControl: String?
  /// Medians of the echo, where it was asked for and answered.
  var idleRoundTripMilliseconds: Double?
  var loadedRoundTripMilliseconds: Double?

  /// All rows but the first, in which TCP begins; the whole run where there are no others.
  private var steadyRows: ArraySlice<TransferInterval> { intervals.dropFirst() }

  var steadySeconds: Double? {
    steadyRows.isEmpty ? receiver?.seconds : steadyRows.reduce(0) { $0 + $1.endSeconds - $1.startSeconds }
  }

  var steadyBitsPerSecond: Double? {
    guard !steadyRows.isEmpty, let seconds = steadySeconds, seconds > 0 else { return receiver?.bitsPerSecond }
    let bytes = steadyRows.reduce(0) { $0 + $1.bytes }
    // Rows in which nothing moved are no rate that anything can be divided by.
    let rate = bytes * 8 / seconds
    return rate > 0 && rate.isFinite ? rate : receiver?.bitsPerSecond
  }

  /// The median of the rows'; nil where the other side sent.
  var tcpRoundTripMilliseconds: Double? { Distribution(intervals.compactMap(\.tcpRoundTripMilliseconds)).median }

  /// - Parameters:
  ///   - text: iperf3's JSON.
  ///   - data: the instrument's own document, where it was asked for; what cannot be read of it is left out.
  init(json text: String, data: String = "") throws(MeasuringError) {
    let report = try InstrumentOutput.decode(Report.self, text, what: "svs bench throughput")
    if let error = report.error { throw MeasuringError(error) }
    intervals = (report.intervals?.elements ?? []).compactMap(\.row)
    sender = report.end?.sent?.summary
    receiver = report.end?.received?.summary
    congestionControl = report.end?.congestion
    guard let receiver, receiver.bytes > 0, receiver.bitsPerSecond > 0 else {
      throw MeasuringError("svs bench throughput says that nothing arrived.")
    }
    guard !data.isEmpty, let document = try? InstrumentOutput.decode(Document.self, data, what: "") else { return }
    func median(_ subject: String) -> Double? {
      let series = document.series?.elements.first { $0.name == "round trip" && $0.subject == subject }
      return series.flatMap { Distribution($0.samples?.elements.compactMap(\.positive) ?? []).median }.map { $0 * 1000 }
    }
    idleRoundTripMilliseconds = median("idle")
    loadedRoundTripMilliseconds = median("under load")
  }

  private struct Report: Decodable {
    var intervals: LenientArray<Interval>?
    var end: End?
    var error: String?

    private enum CodingKeys: CodingKey { case intervals, end, error }

    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: CodingKeys.self)
      intervals = try? container.decode(LenientArray<Interval>.self, forKey: .intervals)
      end = try? container.decode(End.self, forKey: .end)
      error = try? container.decode(String.self, forKey: .error)
    }
  }

  private struct Interval: Decodable, Sendable {
    var sum: Sum?
    var streams: LenientArray<Sum>?

    var row: TransferInterval? {
      guard let sum, let start = sum.start?.value, let end = sum.end?.value, end > start, start >= 0,
        let bytes = sum.bytes?.value, bytes >= 0
      else { return nil }
      let streams = streams?.elements ?? []
      let windows = streams.compactMap { $0.window?.positive }
      return TransferInterval(
        startSeconds: start, endSeconds: end, bytes: bytes, bitsPerSecond: bytes * 8 / (end - start),
        retransmits: sum.retransmits?.count, congestionWindowBytes: windows.isEmpty ? nil : windows.reduce(0, +),
        tcpRoundTripMilliseconds: Distribution(streams.compactMap { $0.rtt?.positive }).median.map { $0 / 1000 })
    }
  }

  private struct Sum: Decodable, Sendable {
    var start, end, seconds, bytes, rate, retransmits, window, rtt: LenientNumber?

    private enum CodingKeys: String, CodingKey {
      case start, end, seconds, bytes, retransmits, rtt
      case rate = "bits_per_second"
      case window = "snd_cwnd"
    }

    var summary: TransferSummary? {
      guard let seconds = (seconds ?? end)?.positive, let bytes = bytes?.value, bytes >= 0 else { return nil }
      return TransferSummary(
        seconds: seconds, bytes: bytes, bitsPerSecond: rate?.positive ?? bytes * 8 / seconds,
        retransmits: retransmits?.count)
    }
  }

  private struct End: Decodable {
    var sent, received: Sum?
    var congestion: String?

    private enum CodingKeys: String, CodingKey {
      case sent = "sum_sent"
      case received = "sum_received"
      case congestion = "sender_tcp_congestion"
    }
  }

  private struct Document: Decodable {
    var series: LenientArray<Series>?
    struct Series: Decodable, Sendable {
      var name, subject: String
      var samples: LenientArray<LenientNumber>?
    }
  }
}
