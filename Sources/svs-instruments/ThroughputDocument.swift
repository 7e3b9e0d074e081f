import Measurement
import Throughput

/// The result of `svs bench throughput --json`: schema `svs.bench.throughput`, version 1.
struct ThroughputDocument: Codable, Sendable {
  struct Direction: Codable, Sendable {
    /// `client` or `server`.
    var sender: String
    var sentBytes: Double
    var receivedBytes: Double
    /// Bits a second as the receiver counted them; as the sender did where the receiver's count is missing.
    var bitsPerSecond: Double
    /// Segments; none where the sender does not tell.
    var retransmits: Int64?
    var datagrams: Datagrams?
    var streams: [Stream]
  }

  struct Datagrams: Codable, Sendable {
    var sent: Int64
    var lost: Int64
    var outOfOrder: Int64
    var jitterSeconds: Double
  }

  struct Stream: Codable, Sendable {
    var localHost: String
    var localPort: UInt16
    var remoteHost: String
    var remotePort: UInt16
    var bitsPerSecond: Double
    var retransmits: Int64?
  }

  /// Per cent of one processor.
  struct Processor: Codable, Sendable {
    var client: Double
    var server: Double?
  }

  var host: String
  var port: UInt16
  var transport: String
  var streams: Int
  var blockBytes: Int
  var targetBitsPerSecond: UInt64?
  var congestionControl: String?
  var directions: [Direction]
  var processorPercent: Processor

  static func make(_ record: TestRecord, clock: RunClock) -> ResultDocument<ThroughputDocument> {
    let ends = record.directions
    let result = ThroughputDocument(
      host: record.peer.host, port: record.peer.port,
      transport: record.parameters.transport == .tcp ? "tcp" : "udp", streams: record.parameters.streams,
      blockBytes: record.parameters.blockSize,
      targetBitsPerSecond: record.parameters.rate > 0 ? record.parameters.rate : nil,
      congestionControl: record.congestion, directions: ends.map(Direction.init),
      processorPercent: Processor(client: record.processor.total, server: record.remote?.processor.total))
    return ResultDocument(
      schema: ResultSchema(name: "svs.bench.throughput", version: 1),
      tool: ResultTool(name: "svs bench throughput"), clock: clock, partial: !record.isComplete, error: record.error,
      series: series(record), result: result)
  }

  /// The rate of each interval that counts, and the round trips.
  private static func series(_ record: TestRecord) -> [Series] {
    var series: [Series] = []
    for isSender in [true, false] {
      let rates = record.rates(ofSenders: isSender)
      guard !rates.isEmpty else { continue }
      series.append(
        Series(
          "throughput", of: isSender ? "client to server" : "server to client", unit: "bit/s", better: .higher,
          samples: rates))
    }
    if let latency = record.latency {
      series.append(
        Series("round trip", of: "idle", unit: "s", better: .lower, samples: latency.idle.map { $0 / 1_000_000 }))
      series.append(
        Series(
          "round trip", of: "under load", unit: "s", better: .lower, samples: latency.loaded.map { $0 / 1_000_000 }))
    }
    return series
  }
}

extension ThroughputDocument.Direction {
  init(_ end: TestRecord.DirectionEnd) {
    sender = end.isFromClient ? "client" : "server"
    sentBytes = end.sentBytes
    receivedBytes = end.receivedBytes
    bitsPerSecond = end.bitsPerSecond
    retransmits = end.retransmits
    datagrams = end.datagrams.map {
      ThroughputDocument.Datagrams(sent: $0.sent, lost: $0.lost, outOfOrder: $0.outOfOrder, jitterSeconds: $0.jitter)
    }
    streams = end.streams.map {
      ThroughputDocument.Stream(
        localHost: $0.local.host, localPort: $0.local.port, remoteHost: $0.remote.host, remotePort: $0.remote.port,
        bitsPerSecond: $0.bitsPerSecond, retransmits: $0.retransmits)
    }
  }
}
