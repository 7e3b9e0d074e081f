/// The end of a test as both sides together know it: for each stream what was sent, and what arrived.
struct EndRows {
  struct Row {
    /// nil in a sum.
    var stream: TestRecord.StreamDescription?
    /// Whether this side was the sender of it.
    var isSender: Bool
    var sent = Part()
    var received = Part()
    /// Of the sender's connection.
    var extremes = StreamTotal.Extremes()
  }

  /// What one side says of it.
  struct Part {
    /// Whether that side has told.
    var isKnown = false
    var bytes = 0.0
    var end = 0.0
    /// -1 where the sender does not know.
    var retransmits: Int64 = -1
    var jitter = 0.0
    var lost: Int64 = 0
    var packets: Int64 = 0
    var outOfOrder: Int64 = 0

    /// Per cent.
    var lostShare: Double { packets > 0 ? 100 * Double(lost) / Double(packets) : 0 }
    func bitsPerSecond() -> Double { end > 0 ? bytes * 8 / end : 0 }
  }

  var rows: [Row]

  init(_ record: TestRecord) {
    rows = zip(record.streams, record.totals).map { stream, total in
      var row = Row(stream: stream, isSender: stream.isSender)
      var own = Part(isKnown: true, bytes: Double(total.sample.bytes), end: total.end)
      own.retransmits = stream.isSender && record.parameters.transport == .tcp ? total.sample.retransmits : -1
      own.jitter = total.sample.jitter
      own.lost = total.sample.lost
      own.packets = total.sample.packets
      own.outOfOrder = total.sample.outOfOrder
      var other = Part(end: total.end)
      if let told = record.remote?.streams.first(where: { $0.id == stream.id }) {
        other = Part(isKnown: true, bytes: Double(told.bytes), end: told.end > 0 ? told.end : total.end)
        other.retransmits = told.retransmits
        other.jitter = told.jitter
        other.lost = told.errors
        other.packets = told.packets
        row.extremes = stream.isSender ? total.extremes : told.extremes
      } else if stream.isSender {
        row.extremes = total.extremes
      }
      (row.sent, row.received) = stream.isSender ? (own, other) : (other, own)
      return row
    }
  }

  /// The sum over the streams of one direction; nil without any.
  func sum(ofSenders isSender: Bool) -> Row? {
    let chosen = rows.filter { $0.isSender == isSender }
    guard !chosen.isEmpty else { return nil }
    var result = Row(stream: nil, isSender: isSender)
    result.sent = Self.sum(chosen.map(\.sent))
    result.received = Self.sum(chosen.map(\.received))
    return result
  }

  private static func sum(_ parts: [Part]) -> Part {
    var result = Part(isKnown: parts.allSatisfy(\.isKnown))
    result.end = parts.first?.end ?? 0
    if parts.allSatisfy({ $0.retransmits >= 0 }) { result.retransmits = 0 }
    for part in parts {
      result.bytes += part.bytes
      if result.retransmits >= 0 { result.retransmits &+= part.retransmits }
      result.jitter += part.jitter / Double(parts.count)
      result.lost &+= part.lost
      result.packets &+= part.packets
      result.outOfOrder &+= part.outOfOrder
    }
    return result
  }
}
