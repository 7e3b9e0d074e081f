/// A test in iperf3's JSON: the names, units and order of its version 3.12.
public struct JSONReport {
  let record: TestRecord
  private let end: EndRows
  private var isTCP: Bool { record.parameters.transport == .tcp }
  private var isBidirectional: Bool { record.parameters.direction == .bidirectional }

  public init(_ record: TestRecord) {
    self.record = record
    end = EndRows(record)
  }

  /// The whole of it; where the test failed, what there was until then, and why.
  public var value: JSON {
    var result = JSON.object(["start": start, "intervals": .array(record.intervals.map(interval)), "end": finish])
    if record.parameters.wantsServerOutput, record.side == .client {
      result.append("server_output_text", record.remote?.serverText.map { .string($0) })
      result.append("server_output_json", record.remote?.serverJSON)
    }
    result.append("title", record.parameters.title.map { .string($0) })
    result.append("extra_data", record.parameters.extraData.map { .string($0) })
    result.append("error", record.error.map { .string($0) })
    return result
  }

  // MARK: start

  private var start: JSON {
    let parameters = record.parameters
    var result = JSON.object([
      "connected": .array(
        record.streams.map { stream in
          .object([
            "socket": number(stream.label),
            "local_host": .string(stream.local.host), "local_port": number(stream.local.port),
            "remote_host": .string(stream.remote.host), "remote_port": number(stream.remote.port),
          ])
        }),
      "version": .string(ProductName.version),
      "system_info": .string(ProductName.system),
    ])
    guard !record.cookie.isEmpty else { return result }
    result.append(
      "timestamp", .object(["time": .string(Clock.date(record.began)), "timesecs": .integer(record.began)]))
    result.append(
      record.side == .client ? "connecting_to" : "accepted_connection",
      .object(["host": .string(record.peer.host), "port": number(record.peer.port)]))
    result.append("cookie", .string(record.cookie))
    if isTCP {
      let isAsked = parameters.segmentSize > 0
      result.append(
        isAsked ? "tcp_mss" : "tcp_mss_default", number(isAsked ? parameters.segmentSize : record.controlSegment))
    }
    result.append("target_bitrate", number(parameters.rate))
    result.append("sock_bufsize", number(parameters.window))
    result.append("sndbuf_actual", number(record.sendBuffer))
    result.append("rcvbuf_actual", number(record.receiveBuffer))
    result.append(
      "test_start",
      .object([
        "protocol": .string(isTCP ? "TCP" : "UDP"),
        "num_streams": number(parameters.streams), "blksize": number(parameters.blockSize),
        "omit": number(parameters.omitted), "duration": number(parameters.duration),
        "bytes": number(parameters.bytes), "blocks": number(parameters.blocks),
        "reverse": number(parameters.direction == .reverse ? 1 : 0), "tos": number(parameters.typeOfService),
        "target_bitrate": number(parameters.rate),
        "bidir": isBidirectional ? number(1) : nil,
      ]))
    return result
  }

  // MARK: intervals

  private func interval(_ interval: Interval) -> JSON {
    var result = JSON.object([
      "streams": .array(
        record.streams.indices.map { index in
          let stream = record.streams[index]
          return sample(interval.samples[index], interval, label: stream.label, isSender: stream.isSender)
        })
    ])
    for isSender in directions {
      let chosen = record.streams.indices.filter { record.streams[$0].isSender == isSender }
      guard let first = chosen.first else { continue }
      var sum = interval.samples[first]
      for index in chosen.dropFirst() { sum += interval.samples[index] }
      sum.jitter /= Double(chosen.count)
      result.append(
        sumName("sum", isSender), sample(sum, interval, label: nil, isSender: isSender))
    }
    return result
  }

  private func sample(_ sample: Interval.Sample, _ interval: Interval, label: Int?, isSender: Bool) -> JSON {
    var result = JSON.object([
      "socket": label.map { number($0) },
      "start": .number(interval.start), "end": .number(interval.end), "seconds": .number(interval.seconds),
      "bytes": number(sample.bytes), "bits_per_second": .number(rate(Double(sample.bytes), interval.seconds)),
    ])
    switch (isTCP, isSender) {
    case (true, true):
      result.append("retransmits", .integer(sample.retransmits))
      if let connection = sample.connection, label != nil {
        result.append("snd_cwnd", number(connection.congestionWindow))
        result.append("snd_wnd", number(connection.sendWindow))
        result.append("rtt", number(connection.rtt))
        result.append("rttvar", number(connection.rttVariance))
        result.append("pmtu", number(connection.pathMTU))
      }
    case (true, false): break
    case (false, true): result.append("packets", .integer(sample.packets))
    case (false, false):
      result.append("jitter_ms", .number(sample.jitter * 1000))
      result.append("lost_packets", .integer(sample.lost))
      result.append("packets", .integer(sample.packets))
      result.append(
        "lost_percent", .number(sample.packets > 0 ? 100 * Double(sample.lost) / Double(sample.packets) : 0))
    }
    result.append("omitted", .bool(interval.isOmitted))
    result.append("sender", .bool(isSender))
    return result
  }

  // MARK: end

  private var finish: JSON {
    guard !record.totals.isEmpty else { return .object([]) }
    var result = JSON.object(["streams": .array(end.rows.map(isTCP ? connection : datagrams))])
    for isSender in directions {
      guard let sum = end.sum(ofSenders: isSender) else { continue }
      if !isTCP { result.append(sumName("sum", isSender), datagramSum(sum.received, sum, sum.sent.bytes, isSender)) }
      var sent = part(sum.sent, isSender: isTCP ? isSender : true)
      var received = part(sum.received, isSender: isTCP ? isSender : false)
      if isTCP, sum.sent.retransmits >= 0 { insert(&sent, "retransmits", .integer(sum.sent.retransmits)) }
      if !isTCP {
        var own = sum.sent
        own.jitter = 0
        own.lost = 0
        if own.packets == 0 { own.packets = sum.received.packets }
        sent = datagramSum(own, sum, own.bytes, true)
        received = datagramSum(sum.received, sum, sum.received.bytes, false)
      }
      result.append(sumName("sum_sent", isSender), sent)
      result.append(sumName("sum_received", isSender), received)
    }
    if record.error == nil || record.remote != nil {
      let remote = record.remote?.processor ?? ProcessorShare()
      result.append(
        "cpu_utilization_percent",
        .object([
          "host_total": .number(record.processor.total), "host_user": .number(record.processor.user),
          "host_system": .number(record.processor.system),
          "remote_total": .number(remote.total), "remote_user": .number(remote.user),
          "remote_system": .number(remote.system),
        ]))
    }
    if isTCP {
      let (sender, receiver) =
        record.hasSenders
        ? (record.congestion, record.remote?.congestion) : (record.remote?.congestion, record.congestion)
      result.append("sender_tcp_congestion", sender.map { .string($0) })
      result.append("receiver_tcp_congestion", receiver.map { .string($0) })
    }
    return result
  }

  private func connection(_ row: EndRows.Row) -> JSON {
    var sender = part(row.sent, label: row.stream?.label, isSender: row.isSender)
    if row.sent.retransmits >= 0 { insert(&sender, "retransmits", .integer(row.sent.retransmits)) }
    insert(&sender, "max_snd_cwnd", number(row.extremes.congestionWindow))
    insert(&sender, "max_snd_wnd", number(row.extremes.sendWindow))
    insert(&sender, "max_rtt", number(row.extremes.longestRTT))
    insert(&sender, "min_rtt", number(row.extremes.shortestRTT))
    insert(&sender, "mean_rtt", number(row.extremes.meanRTT))
    return .object([
      "sender": sender, "receiver": part(row.received, label: row.stream?.label, isSender: row.isSender),
    ])
  }

  private func datagrams(_ row: EndRows.Row) -> JSON {
    let part = row.received
    return .object([
      "udp": .object([
        "socket": number(row.stream?.label ?? 0),
        "start": .integer(0), "end": .number(row.sent.end), "seconds": .number(row.sent.end),
        "bytes": .number(row.sent.bytes), "bits_per_second": .number(row.sent.bitsPerSecond()),
        "jitter_ms": .number(part.jitter * 1000), "lost_packets": .integer(part.lost),
        "packets": .integer(max(part.packets, row.sent.packets)), "lost_percent": .number(part.lostShare),
        "out_of_order": .integer(part.outOfOrder), "sender": .bool(row.isSender),
      ])
    ])
  }

  private func datagramSum(_ part: EndRows.Part, _ row: EndRows.Row, _ bytes: Double, _ isSender: Bool) -> JSON {
    .object([
      "start": .integer(0), "end": .number(part.end), "seconds": .number(part.end), "bytes": .number(bytes),
      "bits_per_second": .number(rate(bytes, part.end)), "jitter_ms": .number(part.jitter * 1000),
      "lost_packets": .integer(part.lost), "packets": .integer(part.packets),
      "lost_percent": .number(part.lostShare), "sender": .bool(isSender),
    ])
  }

  private func part(_ part: EndRows.Part, label: Int? = nil, isSender: Bool) -> JSON {
    .object([
      "socket": label.map { number($0) },
      "start": .integer(0), "end": .number(part.end), "seconds": .number(part.end), "bytes": .number(part.bytes),
      "bits_per_second": .number(part.bitsPerSecond()), "sender": .bool(isSender),
    ])
  }

  /// Before the last member, which says who sent.
  private func insert(_ object: inout JSON, _ name: String, _ value: JSON) {
    guard case .object(var members) = object else { return }
    members.insert(JSON.Member(name: name, value: value), at: max(0, members.count - 1))
    object = .object(members)
  }

  /// The first direction has the plain names; of a bidirectional test the second has a suffix.
  private var directions: [Bool] { record.side == .client ? [true, false] : [false, true] }

  private func sumName(_ name: String, _ isSender: Bool) -> String {
    let isForward = isSender == (record.side == .client)
    return isBidirectional && !isForward ? name + "_bidir_reverse" : name
  }

  private func rate(_ bytes: Double, _ seconds: Double) -> Double { seconds > 0 ? bytes * 8 / seconds : 0 }
  private func number(_ value: some BinaryInteger) -> JSON { .integer(Int64(clamping: value)) }
}
