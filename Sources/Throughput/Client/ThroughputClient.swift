import CSystem
import Glibc
import HostSystem

/// A client of iperf3's protocol: asks a server for a test, runs it, and reports.
public struct ThroughputClient: Sendable {
  public struct Settings: Sendable {
    public var host: String
    public var port: UInt16 = 5201
    public var parameters = TestParameters()
    /// Whether `parameters.blockSize` was chosen; a datagram's is the path's segment size otherwise.
    public var hasBlockSize = false
    /// Seconds between reports; 0 for none before the end.
    public var interval = 1.0
    /// 4 or 6 for one family only.
    public var ipVersion: Int?
    public var localHost: String?
    public var localPort: UInt16 = 0
    public var connectTimeout: Duration?
    /// Seconds that each answer of the server may take, before the test and after it. iperf3's client waits for ever.
    public var patience = 30
    /// Whether round trips are measured without load and under it; the server must be this product's.
    public var measuresLatency = false

    public init(host: String) { self.host = host }
  }

  private let settings: Settings
  private let style: ReportStyle

  public init(_ settings: Settings, style: ReportStyle = ReportStyle()) {
    self.settings = settings
    self.style = style
  }

  /// Runs one test to its end, however it ends; `TestRecord.error` says what went wrong.
  ///
  /// - Parameters:
  ///   - interrupts: what `Interrupts.watch` gave.
  ///   - print: takes the lines of the text report as they come.
  public func run(interrupts: borrowing Interrupts, print: @escaping ([String]) -> Void) -> TestRecord {
    var session = ClientSession(settings, TextReport(style: style), interrupts: interrupts.number, print: print)
    do {
      try session.run()
    } catch {
      session.fail(error)
    }
    return session.record
  }
}

/// One test, from the connection to the results.
private struct ClientSession {
  private let settings: ThroughputClient.Settings
  private let report: TextReport
  private let interrupts: CInt
  private let print: ([String]) -> Void
  private var parameters: TestParameters
  private var test: TestRun?
  private var probe: EchoProbe?
  private(set) var record: TestRecord

  init(
    _ settings: ThroughputClient.Settings, _ report: TextReport, interrupts: CInt, print: @escaping ([String]) -> Void
  ) {
    self.settings = settings
    self.report = report
    self.interrupts = interrupts
    self.print = print
    parameters = settings.parameters
    parameters.clientVersion = ProductName.version
    record = TestRecord(
      side: .client, parameters: parameters, peer: Endpoint(host: settings.host, port: settings.port))
  }

  private var maker: SocketMaker {
    SocketMaker(
      family: settings.ipVersion == 4 ? AF_INET : settings.ipVersion == 6 ? AF_INET6 : AF_UNSPEC,
      localHost: settings.localHost)
  }

  mutating func run() throws(ThroughputError) {
    try admit()
    let socket = try maker.connect(
      to: settings.host, port: settings.port, timeout: settings.connectTimeout
    ) { (_, _) throws(ThroughputError) in }
    let control = ControlConnection(socket, peer: "the server")
    let cookie = Cookie.random(asksForExtensions: settings.measuresLatency)
    try Wire.write(cookie.bytes, to: control.number, control.peer)
    var seen: Set<ControlState> = []
    while true {
      let state = try answer(control, isFirst: seen.isEmpty)
      // A server that began again and again would hold the client for ever.
      guard seen.insert(state).inserted else { throw .protocolViolation("the state \(state) for a second time") }
      switch state {
      case .extensionsKnown:
        prepare(control, cookie)
        let socket = try maker.connect(
          to: settings.host, port: settings.port, timeout: .seconds(10)
        ) { (_, _) throws(ThroughputError) in }
        probe = try EchoProbe(socket, cookie, interrupts: interrupts)
        try probe?.measureIdle()
      case .parameterExchange:
        prepare(control, cookie)
        try control.send(parameters.wireForm())
      case .createStreams: try createStreams(cookie, control)
      case .testStart: print([report.heading(record)])
      case .testRunning: try conduct(control)
      case .exchangeResults: try exchangeResults(control)
      case .displayResults:
        print(report.summary(record))
        if let latency = record.latency { print(report.latency(latency)) }
        if let text = record.remote?.serverText { print(["", "Server output:", text]) }
        try control.send(.done)
        return
      case .accessDenied: throw .busy
      case .serverTerminate: throw .peerTerminated("the server")
      default: throw .protocolViolation("the state \(state) at this point")
      }
    }
  }

  /// Descriptors besides those of the streams: standard ones, the control connection, the echo, files of results, bells.
  private static let otherFiles = 32

  /// Judges before anything is connected whether there may be as many sockets as the test takes.
  private func admit() throws(ThroughputError) {
    let streams = parameters.streams * (parameters.direction == .bidirectional ? 2 : 1)
    // Each sender's block is a file where sendfile(2) sends it.
    let needed = UInt64(streams * (parameters.zeroCopy ? 2 : 1) + Self.otherFiles)
    let limit: UInt64
    do throws(SystemError) { limit = try OpenFiles.makeRoom(for: needed) } catch { throw .system(error) }
    guard limit >= needed else { throw .tooManyStreams(streams, files: needed, limit: limit) }
  }

  /// The server's next state; it has so long for it and no longer.
  private func answer(
    _ control: borrowing ControlConnection, isFirst: Bool = false
  ) throws(ThroughputError) -> ControlState {
    let deadline = Deadline(in: .seconds(settings.patience))
    guard let state = try control.nextState(deadline, interrupts: interrupts, otherwise: nil) else {
      let seconds = "\(settings.patience) second\(settings.patience == 1 ? "" : "s")"
      let sentence = "the server has not answered for \(seconds)"
      throw .silent(isFirst ? "\(sentence); it may be none of iperf3's protocol" : sentence)
    }
    return state
  }

  /// What is known once the server has answered: until then the kernel knows only half of its window.
  private mutating func prepare(_ control: borrowing ControlConnection, _ cookie: Cookie) {
    guard record.cookie.isEmpty else { return }
    let segment = svs_get_socket_option(control.number, SVS_MAXIMUM_SEGMENT)
    record.controlSegment = Int(segment > 0 ? segment : 1448)
    if parameters.transport == .udp, !settings.hasBlockSize {
      parameters.blockSize = min(max(record.controlSegment, 16), TestParameters.Limit.datagram.upperBound)
    }
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    record.began = Int64(time.tv_sec)
    record.cookie = "\(cookie)"
    record.parameters = parameters
    print(report.opening(record))
  }

  private mutating func createStreams(_ cookie: Cookie, _ control: borrowing ControlConnection) throws(ThroughputError)
  {
    guard test == nil, let server = SocketAddress.peer(of: control.number) else {
      throw .protocolViolation("streams are asked for a second time")
    }
    var streams: [DataStream] = []
    let count = parameters.streams * (parameters.direction == .bidirectional ? 2 : 1)
    for index in 0..<count {
      let isSender =
        switch parameters.direction {
        case .forward: true
        case .reverse: false
        case .bidirectional: index < parameters.streams
        }
      let parameters = parameters
      let set = { (number: CInt, address: SocketAddress) throws(ThroughputError) in
        try parameters.set(number, isIPv6: address.isIPv6)
      }
      var maker = maker
      if settings.localPort > 0 { maker.localPort = settings.localPort &+ UInt16(index) }
      let socket: Descriptor
      switch parameters.transport {
      case .tcp:
        // The address that the control connection found, so that all goes the same way.
        socket = try maker.connect(to: server, timeout: settings.connectTimeout, set: set)
        try Wire.write(cookie.bytes, to: socket.number, control.peer)
      case .udp:
        socket = try maker.datagramSocket(to: server, set)
        try greet(socket.number)
      }
      streams.append(DataStream(socket, isSender ? .sender : .receiver, id: StreamNumber.at(index)))
    }
    record.describe(streams)
    test = try TestRun(parameters, streams, interval: settings.interval, isDirected: true, bell: try Bell())
    print(report.streams(record))
  }

  /// Tells the server where a UDP stream comes from; early datagrams of the test may arrive before the answer.
  private func greet(_ number: CInt) throws(ThroughputError) {
    var hello = DatagramGreeting.hello
    guard send(number, &hello, hello.count, 0) == hello.count else {
      throw .system(SystemError.last("greet the server over UDP"))
    }
    let deadline = Deadline(in: .seconds(30))
    while try Wire.wait(for: number, interrupts: interrupts, deadline) {
      var answer = [UInt8](repeating: 0, count: 65_536)
      let count = recv(number, &answer, answer.count, 0)
      guard count >= 0 else { throw .system(SystemError.last("greet the server over UDP")) }
      let octets = Array(answer[..<count])
      if octets == DatagramGreeting.answer || octets == DatagramGreeting.oldAnswer { return }
    }
    throw .silent("the server did not answer over UDP within 30 seconds; a firewall may be between")
  }

  private mutating func conduct(_ control: borrowing ControlConnection) throws(ThroughputError) {
    guard test != nil else { throw .protocolViolation("a test without streams") }
    probe?.beginLoad()
    try test?.start()
    while let event = test?.next(controlConnection: control.number, interrupts: interrupts) {
      switch event {
      case .interval(let interval): add(interval)
      case .over:
        conclude(keepsReceiving: true)
        return try control.send(.testEnd)
      case .interrupted:
        try? control.send(.clientTerminate)
        throw .interrupted("the client")
      case .streamFailed(let code):
        // The other side's reason, if it gives one, is the better one.
        let state = try control.nextState(Deadline(in: .milliseconds(200)), interrupts: interrupts, otherwise: nil)
        if state == .serverTerminate { throw .peerTerminated("the server") }
        throw .system(SystemError(code: code, action: "go on with a stream"))
      case .silent: throw .silent("nothing has moved for two minutes")
      case .controlIsReadable:
        let state = try answer(control)
        guard state == .serverTerminate else { throw .protocolViolation("the state \(state) during the test") }
        throw .peerTerminated("the server")
      }
    }
  }

  private mutating func add(_ interval: Interval) {
    record.intervals.append(interval)
    print(report.interval(interval, record))
  }

  private mutating func conclude(keepsReceiving: Bool) {
    if let last = test?.finish(keepsReceiving: keepsReceiving) { add(last) }
    record.latency = probe?.finish()
    record.totals = test?.totals ?? []
  }

  private mutating func exchangeResults(_ control: borrowing ControlConnection) throws(ThroughputError) {
    guard let socket = test?.streams.first?.descriptor.number else {
      throw .protocolViolation("results without streams")
    }
    if parameters.transport == .tcp { record.congestion = TestParameters.congestionControl(of: socket) }
    test?.end()
    record.processor = test?.processor ?? ProcessorShare()
    try control.send(record.results.wireForm())
    // Twice the time of other answers: a server ends its streams before it tells of them.
    let patience = 2 * settings.patience
    let told: JSON
    do throws(ThroughputError) {
      told = try control.json(
        limit: ControlConnection.longestText, Deadline(in: .seconds(patience)), interrupts: interrupts)
    } catch .silent {
      throw .silent("the server has not sent its results for \(patience) seconds")
    }
    record.remote = try EndResults(wireForm: told)
  }

  /// Keeps what there is of the test, and says why there is no more.
  mutating func fail(_ error: ThroughputError) {
    record.error = "\(error)"
    if case .interrupted = error { record.wasInterrupted = true }
    defer { if record.latency == nil { record.latency = probe?.finish() } }
    guard test != nil, !record.streams.isEmpty else { return }
    if record.totals.isEmpty, record.intervals.isEmpty == false || test?.hasStarted == true {
      conclude(keepsReceiving: false)
    }
    test?.end()
    record.processor = test?.processor ?? ProcessorShare()
    guard !record.totals.isEmpty else { return }
    print(report.summary(record))
  }
}

extension TestRecord {
  mutating func describe(_ made: [DataStream]) {
    streams = made.map {
      StreamDescription(id: $0.id, label: $0.label, isSender: $0.role == .sender, local: $0.local, remote: $0.remote)
    }
    guard let number = made.first?.descriptor.number else { return }
    sendBuffer = Int(max(0, svs_get_socket_option(number, SVS_SEND_BUFFER)))
    receiveBuffer = Int(max(0, svs_get_socket_option(number, SVS_RECEIVE_BUFFER)))
  }

  /// This side's part of the results.
  var results: EndResults {
    var results = EndResults()
    results.processor = processor
    results.congestion = congestion
    results.hasRetransmits = hasSenders && parameters.transport == .tcp
    results.streams = zip(streams, totals).map { stream, total in
      var told = EndResults.Stream(id: stream.id)
      told.bytes = total.sample.bytes
      told.retransmits = stream.isSender && parameters.transport == .tcp ? total.sample.retransmits : -1
      told.jitter = total.sample.jitter
      told.errors = total.sample.lost
      told.packets = total.sample.packets
      told.end = total.end
      if stream.isSender { told.extremes = total.extremes }
      return told
    }
    return results
  }
}
