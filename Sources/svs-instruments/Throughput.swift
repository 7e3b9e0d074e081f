import ArgumentParser
import CSystem
import Glibc
import InstrumentCommands
import Measurement
import Throughput

extension ThroughputCommand {
  func measureThroughput() throws {
    let interrupts: Interrupts
    do {
      interrupts = try Interrupts.watch()
    } catch {
      complain("\(error)")
      throw ExitCode.failure
    }
    if server { try serve(interrupts) } else { try test(interrupts) }
  }

  private var style: ReportStyle {
    get throws {
      var style = ReportStyle()
      style.isVerbose = verbose
      style.layout = layout == "3.1" ? .old : .current
      if let format {
        guard let letter = format.first, format.count == 1, let unit = RateFormat(rawValue: letter) else {
          throw ValidationError("-f takes one of k, m, g, t, K, M, G, T.")
        }
        style.format = unit
      }
      return style
    }
  }

  // MARK: A server

  private func serve(_ interrupts: borrowing Interrupts) throws {
    var settings = ThroughputServer.Settings()
    settings.port = port
    settings.localHost = bind
    settings.ipVersion = ipv4 ? 4 : ipv6 ? 6 : nil
    settings.interval = interval
    settings.isOneOff = oneOff
    settings.reportsJSON = iperf3JSON
    settings.mostClients = clients
    let style = try style
    let printer = printer
    let server = try reporting { () throws(ThroughputError) in
      try ThroughputServer(settings, style: style, print: printer)
    }
    if server.run(interrupts: interrupts) {
      complain("interrupted: the server has ended")
      throw ExitCode.interrupted
    }
  }

  // MARK: A client

  private func test(_ interrupts: borrowing Interrupts) throws {
    var settings = ThroughputClient.Settings(host: client ?? "")
    settings.port = port
    settings.parameters = try parameters
    settings.hasBlockSize = length != nil
    settings.interval = interval
    settings.ipVersion = ipv4 ? 4 : ipv6 ? 6 : nil
    settings.localHost = bind
    settings.localPort = cport ?? 0
    settings.connectTimeout = connectTimeout.map { .milliseconds($0) }
    settings.measuresLatency = latency
    let files = DataFiles(json: json, isOutputTaken: iperf3JSON)
    try files.check()
    let isSilent = iperf3JSON || json == "-"
    let clock = RunClock()
    let printer = printer
    let client = ThroughputClient(settings, style: try style)
    let record = client.run(interrupts: interrupts) { if !isSilent { printer($0) } }
    if iperf3JSON { printer([JSONReport(record).value.indented()]) }
    try files.write(ThroughputDocument.make(record, clock: clock))
    if let error = record.error {
      complain(
        record.wasInterrupted && !record.intervals.isEmpty ? "\(error); these are the figures until then" : error)
      throw record.wasInterrupted ? ExitCode.interrupted : .failure
    }
    if latency, record.latency == nil {
      complain("the server has no echo, it is no svs: nothing is known of round trips")
      throw ExitCode.failure
    }
    if !isSilent { printer(["", "iperf Done."]) }
  }

  private var parameters: TestParameters {
    get throws {
      var parameters = TestParameters()
      parameters.transport = udp ? .udp : .tcp
      parameters.direction = reverse ? .reverse : bidir ? .bidirectional : .forward
      parameters.bytes = try amount(bytes, "-n")
      parameters.blocks = try amount(blockcount, "-k")
      parameters.duration = parameters.bytes > 0 || parameters.blocks > 0 ? 0 : time ?? 10
      parameters.omitted = omit
      parameters.streams = parallel
      if length != nil {
        let range = udp ? TestParameters.Limit.datagram : 1...TestParameters.Limit.block
        parameters.blockSize = try size(length, "-l", in: range)
      }
      try setRate(&parameters)
      parameters.pacingRate = try rate(fqRate, "--fq-rate")
      parameters.window = try size(window, "-w", in: 0...TestParameters.Limit.window)
      parameters.segmentSize = setMss ?? 0
      parameters.noDelay = noDelay
      parameters.typeOfService = try typeOfService
      parameters.congestion = congestion
      parameters.zeroCopy = zerocopy
      parameters.doNotFragment = dontFragment
      parameters.wideCounters = wideCounters
      parameters.repeatingPayload = repeatingPayload
      parameters.wantsServerOutput = getServerOutput
      parameters.title = title
      parameters.extraData = extraData
      return parameters
    }
  }

  private func setRate(_ parameters: inout TestParameters) throws {
    let parts = bitrate?.split(separator: "/", omittingEmptySubsequences: false).map(String.init) ?? []
    parameters.rate = udp ? TestParameters.datagramRate : 0
    guard let first = parts.first else { return }
    parameters.rate = try rate(first, "-b")
    guard parts.count > 1 else { return }
    guard parts.count == 2, let burst = Int(parts[1]), 1...1000 ~= burst else {
      throw ValidationError("-b takes 1 to 1000 blocks behind the slash.")
    }
    parameters.burst = burst
  }

  private var typeOfService: Int {
    get throws {
      guard let tos else { return 0 }
      let isHexadecimal = tos.lowercased().hasPrefix("0x")
      let value =
        isHexadecimal ? Int(tos.dropFirst(2), radix: 16) : tos.hasPrefix("0") ? Int(tos, radix: 8) : Int(tos)
      guard let value, 0...255 ~= value else { throw ValidationError("-S takes 0 to 255, not '\(tos)'.") }
      return value
    }
  }

  private func amount(_ text: String?, _ option: String) throws -> UInt64 {
    guard let text else { return 0 }
    guard let value = ScaledNumber.amount(text), value > 0 else {
      throw ValidationError("\(option) takes a number such as 512, 64k or 10M, not '\(text)'.")
    }
    return value
  }

  private func size(_ text: String?, _ option: String, in range: ClosedRange<Int>) throws -> Int {
    guard let text else { return 0 }
    guard let value = ScaledNumber.amount(text), range.contains(Int(clamping: value)) else {
      throw ValidationError("\(option) takes \(range.lowerBound) to \(range.upperBound) octets, not '\(text)'.")
    }
    return Int(value)
  }

  private func rate(_ text: String?, _ option: String) throws -> UInt64 {
    guard let text else { return 0 }
    guard let value = ScaledNumber.rate(text) else {
      throw ValidationError("\(option) takes a rate such as 500k, 10M or 1.5g, not '\(text)'.")
    }
    return value
  }

  /// Writes lines at once, so that they do not mix with those of other tests.
  private var printer: @Sendable ([String]) -> Void {
    let title = title.map { "\($0):  " } ?? ""
    return { lines in
      let text = lines.flatMap { $0.split(separator: "\n", omittingEmptySubsequences: false) }
      var output = text.map { "\(title)\($0)\n" }.joined()
      // Where nobody reads any more the test goes on, for its other side.
      output.withUTF8 { octets in
        octets.withMemoryRebound(to: CChar.self) { svs_write_output($0.baseAddress, $0.count) }
      }
    }
  }
}
