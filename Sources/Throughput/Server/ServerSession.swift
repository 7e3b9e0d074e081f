import CSystem
import Glibc
import HostSystem

/// One client's test on a server; belongs to the thread of its control connection.
struct ServerSession {
  private let server: ThroughputServer
  private let door: SessionDoor
  private let cookie: Cookie
  private let emit: ([String]) -> Void
  private var report: TextReport { TextReport(style: server.style) }

  init(
    _ server: ThroughputServer, _ door: SessionDoor, _ cookie: Cookie, emit: @escaping ([String]) -> Void
  ) {
    self.server = server
    self.door = door
    self.cookie = cookie
    self.emit = emit
  }

  func run(_ control: consuming ControlConnection) {
    var conversation = Conversation(self, peer: Endpoint(SocketAddress.peer(of: control.number)))
    do throws(ThroughputError) {
      try conversation.run(control)
    } catch {
      conversation.fail(error, control)
    }
    server.release(streams: conversation.reserved)
    if server.settings.reportsJSON { emit([JSONReport(conversation.record).value.indented()]) }
  }

  private struct Conversation {
    let session: ServerSession
    var record: TestRecord
    var test: TestRun?
    /// What was printed, for clients that want it.
    var printed: [String] = []
    /// Streams that count against the server's bound.
    var reserved = 0

    var server: ThroughputServer { session.server }
    var halt: CInt { session.server.halt.number }

    init(_ session: ServerSession, peer: Endpoint) {
      self.session = session
      record = TestRecord(side: .server, parameters: TestParameters(), peer: peer)
    }

    mutating func run(_ control: borrowing ControlConnection) throws(ThroughputError) {
      if session.cookie.asksForExtensions { try control.send(.extensionsKnown) }
      try control.send(.parameterExchange)
      record.parameters = try TestParameters(
        wireForm: control.json(limit: ControlConnection.longestParameters, Deadline(in: .seconds(10)), interrupts: halt)
      )
      session.door.parametersHaveCome()
      try reserveStreams()
      prepare()
      try createStreams(control)
      try control.send(.testStart)
      say([session.report.heading(record)])
      try test?.start()
      try control.send(.testRunning)
      try conduct(control)
      // Clients that receive read on until their streams are closed.
      test?.end()
      record.processor = test?.processor ?? ProcessorShare()
      try control.send(.exchangeResults)
      record.remote = try EndResults(
        wireForm: control.json(
          limit: ControlConnection.longestClientResults, Deadline(in: .seconds(30)), interrupts: halt))
      say(session.report.summary(record))
      try control.send(results().wireForm())
      try control.send(.displayResults)
      // The client's last word changes nothing any more.
      _ = try? control.nextState(Deadline(in: .seconds(10)), interrupts: halt)
    }

    /// Threads and blocks of all tests together have a bound, whatever clients ask for.
    private mutating func reserveStreams() throws(ThroughputError) {
      let count = record.parameters.streams * (record.parameters.direction == .bidirectional ? 2 : 1)
      guard server.reserve(streams: count) else {
        throw .refused(.streams, "other tests have too many streams for \(count) more")
      }
      reserved = count
    }

    private mutating func say(_ lines: [String]) {
      if record.parameters.wantsServerOutput { printed += lines }
      if !server.settings.reportsJSON { session.emit(lines) }
    }

    private mutating func prepare() {
      var time = timespec()
      clock_gettime(CLOCK_REALTIME, &time)
      record.began = Int64(time.tv_sec)
      record.cookie = "\(session.cookie)"
      say(session.report.opening(record))
    }

    private mutating func createStreams(_ control: borrowing ControlConnection) throws(ThroughputError) {
      let parameters = record.parameters
      let count = parameters.streams * (parameters.direction == .bidirectional ? 2 : 1)
      var sockets: [Descriptor.Boxed] = []
      switch parameters.transport {
      case .tcp:
        try control.send(.createStreams)
        sockets = try acceptStreams(count, control)
      case .udp:
        let number = control.number
        sockets = try server.door.streams(count, parameters, control: number) {
          () throws(ThroughputError) in
          try Wire.write([UInt8(bitPattern: ControlState.createStreams.rawValue)], to: number, "the client")
        }
      }
      let streams = sockets.enumerated().compactMap { index, socket -> DataStream? in
        let isSender =
          switch parameters.direction {
          case .forward: false
          case .reverse: true
          case .bidirectional: index >= parameters.streams
          }
        guard let descriptor = socket.take() else { return nil }
        return DataStream(descriptor, isSender ? .sender : .receiver, id: StreamNumber.at(index))
      }
      record.describe(streams)
      if parameters.transport == .tcp {
        record.congestion = streams.first.flatMap { TestParameters.congestionControl(of: $0.descriptor.number) }
      }
      test = try TestRun(parameters, streams, interval: server.settings.interval, isDirected: false, bell: try Bell())
      say(session.report.streams(record))
    }

    private func acceptStreams(
      _ count: Int, _ control: borrowing ControlConnection
    ) throws(ThroughputError) -> [Descriptor.Boxed] {
      let parameters = record.parameters
      var sockets: [Descriptor.Boxed] = []
      let deadline = Deadline(in: .seconds(30))
      while sockets.count < count {
        // All first: the client opened them in the order that says what each is for.
        if !sockets.isEmpty || session.door.count >= count, let socket = session.door.take() {
          try parameters.set(socket.number, isIPv6: SocketAddress.local(of: socket.number)?.isIPv6 ?? false)
          sockets.append(Descriptor.Boxed(socket))
          continue
        }
        var watched = [
          pollfd(fd: session.door.bell.number, events: Int16(POLLIN), revents: 0),
          pollfd(fd: control.number, events: Int16(POLLIN), revents: 0),
          pollfd(fd: halt, events: Int16(POLLIN), revents: 0),
        ]
        let ready = poll(&watched, 3, deadline.milliseconds)
        if ready == 0 {
          throw .refused(.createStream, "only \(session.door.count) of \(count) streams came within 30 seconds")
        }
        if watched[2].revents != 0 { throw .interrupted("the server") }
        if watched[1].revents != 0 {
          // A client that fails now says so, or is gone; nothing else is due.
          let state = try control.nextState(Deadline(in: .zero), interrupts: halt)
          throw state == .clientTerminate ? .peerTerminated("the client") : .protocolViolation("the state \(state)")
        }
        if watched[0].revents != 0 { session.door.bell.quieten() }
      }
      return sockets
    }

    private mutating func conduct(_ control: borrowing ControlConnection) throws(ThroughputError) {
      let halt = halt
      while let event = test?.next(controlConnection: control.number, interrupts: halt) {
        switch event {
        case .interval(let interval): add(interval)
        case .over: throw .silent("the client did not end its test")
        case .silent: throw .silent("nothing has moved for two minutes")
        case .interrupted: throw .interrupted("the server")
        case .streamFailed(let code):
          if let state = try control.nextState(Deadline(in: .milliseconds(500)), interrupts: halt, otherwise: nil) {
            return try obey(state)
          }
          throw .system(SystemError(code: code, action: "go on with a stream"))
        case .controlIsReadable:
          return try obey(control.nextState(Deadline(in: .seconds(10)), interrupts: halt))
        }
      }
    }

    private mutating func obey(_ state: ControlState) throws(ThroughputError) {
      switch state {
      case .testEnd: conclude()
      case .clientTerminate: throw .peerTerminated("the client")
      default: throw .protocolViolation("the state \(state) during the test")
      }
    }

    private mutating func add(_ interval: Interval) {
      record.intervals.append(interval)
      say(session.report.interval(interval, record))
    }

    private mutating func conclude() {
      if let last = test?.finish(keepsReceiving: false) { add(last) }
      record.totals = test?.totals ?? []
    }

    private func results() -> EndResults {
      var results = record.results
      guard record.parameters.wantsServerOutput else { return results }
      if server.settings.reportsJSON {
        results.serverJSON = JSONReport(record).value
      } else {
        results.serverText = printed.joined(separator: "\n") + "\n"
      }
      return results
    }

    /// Keeps and prints what there is of the test, and tells the client, if it is there.
    mutating func fail(_ error: ThroughputError, _ control: borrowing ControlConnection) {
      record.error = "\(error)"
      switch error {
      case .refused(let number, _): control.send(number)
      case .protocolViolation: control.send(.parameters)
      case .interrupted:
        // Data go on being taken until the client has read that: else its own writing may fail first.
        if (try? control.send(.serverTerminate)) != nil, test?.hasStarted == true {
          _ = Wire.wait(for: Int16(POLLIN), on: control.number, Deadline(in: .seconds(1)))
        }
      case .system(let error): control.send(.createStream, errno: error.code)
      default: break
      }
      if test?.hasStarted == true {
        if record.totals.isEmpty { conclude() }
        test?.end()
        record.processor = test?.processor ?? ProcessorShare()
        say(session.report.summary(record))
      }
      if !server.settings.reportsJSON {
        session.emit(["svs: the test of \(record.peer.host) port \(record.peer.port): \(error)"])
      }
    }
  }
}
