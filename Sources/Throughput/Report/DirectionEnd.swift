extension TestRecord {
  /// One direction of a test as both sides together know it.
  public struct DirectionEnd: Sendable {
    public struct Datagrams: Sendable {
      public var sent: Int64
      public var lost: Int64
      public var outOfOrder: Int64
      /// Seconds.
      public var jitter: Double
    }

    public struct Stream: Sendable {
      public var local: Endpoint
      public var remote: Endpoint
      public var bitsPerSecond: Double
      public var retransmits: Int64?
    }

    public var isFromClient: Bool
    public var sentBytes: Double
    public var receivedBytes: Double
    /// As the receiver counted; as the sender did where the receiver's count is missing.
    public var bitsPerSecond: Double
    public var retransmits: Int64?
    public var datagrams: Datagrams?
    public var streams: [Stream]
  }

  /// The directions in which something was sent.
  public var directions: [DirectionEnd] {
    let end = EndRows(self)
    return [true, false].compactMap { isSender in
      guard !totals.isEmpty, let sum = end.sum(ofSenders: isSender) else { return nil }
      func rate(_ row: EndRows.Row) -> Double {
        row.received.isKnown ? row.received.bitsPerSecond() : row.sent.bitsPerSecond()
      }
      func retransmits(_ row: EndRows.Row) -> Int64? { row.sent.retransmits >= 0 ? row.sent.retransmits : nil }
      let isUDP = parameters.transport == .udp
      return DirectionEnd(
        isFromClient: isSender == (side == .client), sentBytes: sum.sent.bytes, receivedBytes: sum.received.bytes,
        bitsPerSecond: rate(sum), retransmits: retransmits(sum),
        datagrams: isUDP
          ? DirectionEnd.Datagrams(
            sent: max(sum.sent.packets, sum.received.packets), lost: sum.received.lost,
            outOfOrder: sum.received.outOfOrder, jitter: sum.received.jitter) : nil,
        streams: end.rows.filter { $0.isSender == isSender }.compactMap { row in
          row.stream.map {
            DirectionEnd.Stream(
              local: $0.local, remote: $0.remote, bitsPerSecond: rate(row), retransmits: retransmits(row))
          }
        })
    }
  }

  /// Bits a second of each interval that counts, in one direction; the short rest at the end is left out.
  public func rates(ofSenders isSender: Bool) -> [Double] {
    let chosen = streams.indices.filter { streams[$0].isSender == isSender }
    guard !chosen.isEmpty else { return [] }
    let counting = intervals.filter { !$0.isOmitted && $0.seconds > 0 }
    let usual = counting.first?.seconds ?? 0
    return counting.filter { $0.seconds >= usual / 2 }.map { interval in
      let bytes = chosen.reduce(UInt64(0)) { $0 + interval.samples[$1].bytes }
      return Double(bytes) * 8 / interval.seconds
    }
  }
}
