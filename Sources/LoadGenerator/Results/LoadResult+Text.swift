import Measurement

extension LoadResult {
  /// The result for a terminal.
  public var text: String {
    func count(_ number: Int, _ what: String) -> String { "\(number) \(what)\(number == 1 ? "" : "s")" }
    let pace =
      plannedRate.map { "\(Figures.significant($0)) requests/s planned" }
      ?? (pauses ? "each with its pauses" : "each as fast as it is answered")
    var text = "\(target), \(protocolVersion): \(count(users, "user")) on \(count(threads, "thread")), \(pace), "
    text += "\(Figures.fixed(seconds, places: 1)) s\n\n"
    text += table("latency") { $0.latency }
    if plannedRate != nil {
      text += "\nFrom the moments at which the requests were planned, with what was waited for in vain"
      text += " (no coordinated omission):\n\n"
      text += table("corrected") { $0.correctedLatency }
    }
    if !errors.isEmpty {
      text += "\nFailed, and not among the latencies and requests a second of the first table:\n"
      for error in errors.prefix(20) {
        text +=
          "  \(Figures.grouped(Int(error.count))) × \(error.method.isEmpty ? "" : "\(error.method) ")\(error.name): \(error.problem)\n"
      }
      if errors.count > 20 { text += "  and \(errors.count - 20) kinds more\n" }
    }
    if let failed = total.failedLatency {
      text +=
        "  They took \(Figures.duration(failed.p50)) at the median to fail, \(Figures.duration(failed.max)) at most.\n"
    }
    if overdue > 0 {
      text += "\n\(Figures.grouped(Int(overdue))) planned requests were not sent: all users waited for "
      text += "answers. They count as failed, and as corrected latencies. Give it more users, or a lower rate.\n"
    }
    if abandoned > 0 {
      text += "\n\(Figures.grouped(Int(abandoned))) requests were cut off at the end; they count as failed.\n"
    }
    text += "\nThe generator used \(Figures.duration(processorSeconds)) of processor time: "
    text += "\(Figures.grouped(requestsPerProcessorSecond)) requests per CPU-second.\n"
    if isGeneratorBusy {
      text += "It was busy all the time: latencies contain its own queues. Use more threads or fewer users.\n"
    }
    return text
  }

  /// Whether the generator had no processor time to spare.
  private var isGeneratorBusy: Bool { seconds >= 1 && processorSeconds > 0.9 * seconds * Double(threads) }

  private func table(_ what: String, _ latency: (Row) -> Latency?) -> String {
    var table = TextTable([
      .init(what, .left), .init("requests"), .init("failed"), .init("req/s"), .init("mean"), .init("p50"),
      .init("p90"), .init("p99"), .init("p99.9"), .init("max"),
    ])
    for row in tasks { table.add(cells(row, latency(row))) }
    // With what was never sent the total is more than its one task.
    if tasks.count > 1 || overdue > 0 {
      table.addRule()
      table.add(cells(total, latency(total)))
    }
    return table.text
  }

  private func cells(_ row: Row, _ latency: Latency?) -> [String] {
    let times = latency.map { [$0.mean, $0.p50, $0.p90, $0.p99, $0.p999, $0.max] }
    return [
      row.method.isEmpty ? row.name : "\(row.method) \(row.name)", Figures.grouped(Int(row.requests)),
      Figures.grouped(Int(row.failures)), Figures.significant(row.requestsPerSecond),
    ] + (times?.map { Figures.duration($0) } ?? Array(repeating: "-", count: 6))
  }
}
