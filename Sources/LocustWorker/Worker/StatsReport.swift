import Histogram
import LoadGenerator

/// What was measured, as Locust's master adds it up (locust/stats.py of 2.47). Times are in milliseconds.
package enum StatsReport {
  /// The `stats`, `stats_total` and `errors` of a report.
  package static func entries(_ sample: LoadSample, of tasks: [RequestTask], since start: Double) -> [MessagePack.Entry]
  {
    var byName: [[String]: TaskRecord] = [:]
    var order: [[String]] = []
    for (task, record) in zip(tasks, sample.records) where !record.isEmpty {
      let key = [task.method, task.name]
      if byName[key] == nil { order.append(key) }
      byName[key, default: TaskRecord()].add(record)
    }
    var errors: [MessagePack.Entry] = []
    var total = TaskRecord()
    let stats = order.compactMap { key -> MessagePack? in
      guard let record = byName[key] else { return nil }
      total.add(record)
      errors += errorEntries(record, method: key[0], name: key[1])
      return entry(record, method: key[0], name: key[1], since: start)
    }
    return [
      .init(.string("stats"), .array(stats)),
      .init(.string("stats_total"), entry(total, method: "", name: "Aggregated", since: start)),
      .init(.string("errors"), .map(errors)),
    ]
  }

  private static func entry(_ record: TaskRecord, method: String, name: String, since start: Double) -> MessagePack {
    var times: [Int64: UInt64] = [:]
    // Locust's response times are those of all requests, failed ones too.
    for histogram in [record.latency, record.failedLatency].compactMap(\.self) {
      for value in histogram.recordedValues() { times[bucket(Double(value.value) / 1000), default: 0] += value.count }
    }
    return .object([
      "name": .string(name), "method": .string(method),
      "last_request_timestamp": record.seconds.last.map { .double(Double($0.time)) } ?? .none,
      "start_time": .double(start),
      "num_requests": .count(record.requests), "num_none_requests": .int(0), "num_failures": .count(record.failures),
      "total_response_time": .double(Double(record.totalMicroseconds) / 1000),
      "max_response_time": .double(Double(record.mostMicroseconds) / 1000),
      "min_response_time": record.isEmpty ? .none : .double(Double(record.leastMicroseconds) / 1000),
      "total_content_length": .count(record.contentBytes),
      "response_times": .map(times.sorted { $0.key < $1.key }.map { .init(.int($0.key), .count($0.value)) }),
      "num_reqs_per_sec": perSecond(record) { $0.requests },
      "num_fail_per_sec": perSecond(record) { $0.failures },
    ])
  }

  private static func perSecond(_ record: TaskRecord, _ count: (TaskRecord.Second) -> UInt64) -> MessagePack {
    .map(record.seconds.filter { count($0) > 0 }.map { .init(.count($0.time), .count(count($0))) })
  }

  private static func errorEntries(_ record: TaskRecord, method: String, name: String) -> [MessagePack.Entry] {
    record.errors.map { failure, count in
      // The master needs a key that is the same for the same error, whatever it looks like.
      .init(
        .string("\(method).\(name).\(failure)"),
        .object([
          "name": .string(name), "method": .string(method), "error": .string(failure.description),
          "occurrences": .count(count),
          "first_seen": record.seconds.first.map { .double(Double($0.time)) } ?? .none,
          "last_seen": record.seconds.last.map { .double(Double($0.time)) } ?? .none,
        ]))
    }
  }

  /// Locust's classes of response times: two significant digits from 100 ms on, whole milliseconds below.
  package static func bucket(_ milliseconds: Double) -> Int64 {
    let step: Double =
      switch milliseconds {
      case ..<100: 1
      case ..<1000: 10
      case ..<10000: 100
      default: 1000
      }
    return Int64((milliseconds / step).rounded(.toNearestOrEven) * step)
  }
}
