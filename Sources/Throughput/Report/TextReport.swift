/// How reports look.
public struct ReportStyle: Hashable, Sendable {
  public enum Layout: String, CaseIterable, Sendable {
    case current
    /// Of iperf3 before 3.2: the rate is called Bandwidth, and no blanks stand at the end of lines.
    case old = "3.1"
  }

  public var layout = Layout.current
  public var format = RateFormat.bits
  public var isVerbose = false

  public init() {}
}

/// A test as text, laid out as iperf3 does it.
struct TextReport {
  let style: ReportStyle

  /// What is said before the first interval.
  func opening(_ record: TestRecord) -> [String] {
    var lines: [String] = []
    if style.isVerbose {
      if record.side == .client {
        lines += [ProductName.version, ProductName.system, "Control connection MSS \(record.controlSegment)"]
      }
      lines.append("Time: \(Clock.date(record.began))")
    }
    switch record.side {
    case .client:
      lines.append("Connecting to host \(record.peer.host), port \(record.peer.port)")
      if record.parameters.direction == .reverse {
        lines.append("Reverse mode, remote host \(record.peer.host) is sending")
      }
    case .server:
      lines.append("Accepted connection from \(record.peer.host), port \(record.peer.port)")
    }
    guard style.isVerbose else { return lines }
    lines.append("      Cookie: \(record.cookie)")
    if record.parameters.transport == .tcp {
      let isAsked = record.parameters.segmentSize > 0
      lines.append(
        "      TCP MSS: \(isAsked ? record.parameters.segmentSize : record.controlSegment)\(isAsked ? "" : " (default)")"
      )
    }
    if record.parameters.rate > 0 { lines.append("      Target Bitrate: \(record.parameters.rate)") }
    return lines
  }

  func streams(_ record: TestRecord) -> [String] {
    var lines = record.streams.map { stream in
      formatted("[%3d] local ", Int32(stream.label))
        + "\(stream.local.host) port \(stream.local.port) connected to \(stream.remote.host) port \(stream.remote.port)"
    }
    if style.isVerbose {
      let parameters = record.parameters
      let end =
        parameters.bytes > 0
        ? "\(parameters.bytes) bytes to send"
        : parameters.blocks > 0
          ? "\(parameters.blocks) blocks to send" : "\(parameters.duration) second test"
      lines.append(
        "Starting Test: protocol: \(parameters.transport == .tcp ? "TCP" : "UDP"), \(parameters.streams) streams, "
          + "\(parameters.blockSize) byte blocks, omitting \(parameters.omitted) seconds, \(end), "
          + "tos \(parameters.typeOfService)")
    }
    return lines
  }

  // MARK: While it runs

  func heading(_ record: TestRecord) -> String {
    switch (record.parameters.transport, record.hasSenders, record.hasReceivers) {
    case (.tcp, true, _): heading(record, "Retr  Cwnd")
    case (.tcp, false, _): heading(record, "")
    case (.udp, true, false): heading(record, "Total Datagrams")
    case (.udp, _, _): heading(record, "Jitter    Lost/Total Datagrams")
    }
  }

  private func heading(_ record: TestRecord, _ rest: String) -> String {
    let rate = style.layout == .old ? "Bandwidth" : "Bitrate"
    let role = record.parameters.direction == .bidirectional ? "[Role]" : ""
    return "[ ID]\(role) Interval           Transfer     " + (rest.isEmpty ? rate : rate.atLeft(16) + rest)
  }

  func interval(_ interval: Interval, _ record: TestRecord) -> [String] {
    var lines: [String] = []
    let isSummed = record.parameters.streams > 1
    // A server's streams were made receivers first.
    for isSender in record.side == .client ? [true, false] : [false, true] {
      let chosen = record.streams.indices.filter { record.streams[$0].isSender == isSender }
      guard !chosen.isEmpty else { continue }
      for index in chosen {
        lines.append(row(label: record.streams[index].label, isSender, interval, interval.samples[index], record))
      }
      guard isSummed else { continue }
      var sum = Interval.Sample()
      for index in chosen { sum += interval.samples[index] }
      sum.jitter /= Double(chosen.count)
      lines.append(row(label: nil, isSender, interval, sum, record))
    }
    return (isSummed ? lines + [Self.separator] : lines).map(trimmed)
  }

  private func row(
    label: Int?, _ isSender: Bool, _ interval: Interval, _ sample: Interval.Sample, _ record: TestRecord
  ) -> String {
    let head = start(label, isSender, interval.start, interval.end, Double(sample.bytes), record)
    let tail = interval.isOmitted ? "(omitted)" : ""
    switch (record.parameters.transport, isSender) {
    case (.tcp, true):
      let window = sample.connection.map { RateFormat.amount(Double($0.congestionWindow)) } ?? "   "
      return head + formatted("  %3lld   ", sample.retransmits) + window + "       " + tail
    case (.tcp, false): return head + "                  " + tail
    case (.udp, true):
      let gap = record.hasReceivers ? "          " : ""
      return head + " \(gap) \(sample.packets)  " + tail
    case (.udp, false): return head + datagrams(sample.jitter, sample.lost, sample.packets) + tail
    }
  }

  private func start(
    _ label: Int?, _ isSender: Bool, _ from: Double, _ to: Double, _ bytes: Double, _ record: TestRecord
  ) -> String {
    let name = label.map { formatted("[%3d]", Int32(clamping: $0)) } ?? "[SUM]"
    return name + role(isSender, record) + formatted(" %6.2f-%-6.2f sec  ", from, to) + RateFormat.amount(bytes) + "  "
      + style.format.rate(bytes: bytes, seconds: to - from)
  }

  private func role(_ isSender: Bool, _ record: TestRecord) -> String {
    guard record.parameters.direction == .bidirectional else { return "" }
    return "[\(isSender ? "TX" : "RX")-\(record.side == .client ? "C" : "S")]"
  }

  private func datagrams(_ jitter: Double, _ lost: Int64, _ packets: Int64) -> String {
    let share = packets > 0 ? 100 * Double(lost) / Double(packets) : 0
    return formatted("  %5.3f ms  %lld/%lld (%.2g%%)  ", jitter * 1000, lost, packets, share)
  }

  static let separator = String(repeating: "- ", count: 24) + "-"

  private func trimmed(_ line: String) -> String {
    guard style.layout == .old else { return line }
    return String(line.reversed().drop { $0 == " " }.reversed())
  }

  // MARK: When it is over

  func summary(_ record: TestRecord) -> [String] {
    let end = EndRows(record)
    var lines = record.parameters.streams > 1 && !record.intervals.isEmpty ? [] : [Self.separator]
    if style.isVerbose { lines.append("Test Complete. Summary Results:") }
    let isKnownToSend = record.side == .client || record.hasSenders
    switch record.parameters.transport {
    case .tcp: lines.append(heading(record, isKnownToSend ? "Retr" : ""))
    case .udp: lines.append(heading(record, "Jitter    Lost/Total Datagrams"))
    }
    for isSender in record.side == .client ? [true, false] : [false, true] {
      for row in end.rows where row.isSender == isSender { lines += summary(row, record) }
      if record.parameters.streams > 1, let sum = end.sum(ofSenders: isSender) { lines += summary(sum, record) }
    }
    if style.isVerbose { lines += verboseEnd(record) }
    return lines.map(trimmed)
  }

  /// The sender's row and the receiver's; a server prints its own.
  private func summary(_ row: EndRows.Row, _ record: TestRecord) -> [String] {
    let label = row.stream?.label
    var lines: [String] = []
    let isClient = record.side == .client
    if isClient || row.isSender {
      let part = row.sent
      if !part.isKnown, !isClient {
        lines.append(missing(label, row.isSender, "sender", record))
      } else {
        let head = start(label, row.isSender, 0, part.end, part.bytes, record)
        switch record.parameters.transport {
        case .tcp:
          let retransmits = part.retransmits >= 0 ? formatted("  %3lld", part.retransmits) : "     "
          lines.append(head + retransmits + "             sender")
        case .udp:
          // Datagrams that were sent count as arrived until the other side says otherwise.
          let packets = part.packets > 0 ? part.packets : row.received.packets
          lines.append(head + datagrams(0, 0, packets) + "sender")
        }
      }
    }
    if isClient || !row.isSender {
      let part = row.received
      let head = start(label, row.isSender, 0, part.end, part.bytes, record)
      switch record.parameters.transport {
      case .tcp: lines.append(head + "                  receiver")
      case .udp:
        lines.append(head + datagrams(part.jitter, part.lost, part.packets) + "receiver")
        if part.outOfOrder > 0, let label {
          lines.append(
            formatted("[%3d]", Int32(clamping: label)) + role(row.isSender, record)
              + formatted(
                " %6.2f-%-6.2f sec  %lld datagrams received out-of-order", 0.0, part.end, part.outOfOrder))
        }
      }
    }
    if !isClient, style.isVerbose {
      let other = row.isSender ? "receiver" : "sender"
      let line = missing(label, row.isSender, other, record)
      lines = row.isSender ? lines + [line] : [line] + lines
    }
    return lines
  }

  private func missing(_ label: Int?, _ isSender: Bool, _ who: String, _ record: TestRecord) -> String {
    (label.map { formatted("[%3d]", Int32(clamping: $0)) } ?? "[SUM]") + role(isSender, record)
      + " (\(who) statistics not available)"
  }

  private func verboseEnd(_ record: TestRecord) -> [String] {
    var lines: [String] = []
    func share(_ share: ProcessorShare) -> String {
      formatted("%.1f%% (%.1f%%u/%.1f%%s)", share.total, share.user, share.system)
    }
    let names =
      switch (record.hasSenders, record.hasReceivers) {
      case (true, true): ("/sender-receiver", "/sender-receiver")
      case (true, false): ("/sender", "/receiver")
      default: ("/receiver", "/sender")
      }
    if let remote = record.remote {
      lines.append(
        "CPU Utilization: local\(names.0) \(share(record.processor)), remote\(names.1) \(share(remote.processor))")
    }
    guard record.parameters.transport == .tcp else { return lines }
    let (sender, receiver) =
      record.hasSenders
      ? (record.congestion, record.remote?.congestion) : (record.remote?.congestion, record.congestion)
    if let sender { lines.append("snd_tcp_congestion \(sender)") }
    if let receiver { lines.append("rcv_tcp_congestion \(receiver)") }
    return lines
  }
}

extension TestRecord {
  var hasSenders: Bool { streams.contains(where: \.isSender) }
  var hasReceivers: Bool { streams.contains { !$0.isSender } }
}

extension Interval.Sample {
  static func += (sum: inout Self, sample: Self) {
    sum.bytes &+= sample.bytes
    sum.packets &+= sample.packets
    sum.lost &+= sample.lost
    sum.outOfOrder &+= sample.outOfOrder
    sum.jitter += sample.jitter
    sum.retransmits &+= sample.retransmits
  }
}
