import HTTPWire
import HostSystem

/// A request and its response on a connection that stands.
struct Exchange {
  private let connection: Connection
  private let request: Request
  private let keepAlive: Bool

  init(_ connection: Connection, _ request: Request, keepAlive: Bool) {
    self.connection = connection
    self.request = request
    self.keepAlive = keepAlive
  }

  /// Fills in the probe; returns whether another request may follow on the connection.
  func run(
    _ probe: inout Probe, _ stopwatch: Stopwatch, _ deadline: Deadline, _ buffer: ReadBuffer
  ) throws(ProbeError) -> Bool {
    guard let session = connection.http2 else { return try http1(&probe, stopwatch, deadline, buffer) }
    return try http2(session, &probe, stopwatch, deadline, buffer)
  }

  private func http1(
    _ probe: inout Probe, _ stopwatch: Stopwatch, _ deadline: Deadline, _ buffer: ReadBuffer
  ) throws(ProbeError) -> Bool {
    probe.times.pretransfer = stopwatch.elapsed
    try connection.write(request.http1, until: deadline)
    var parser = ResponseParser()
    parser.begin(isHead: false)
    while !parser.isComplete {
      let count = try connection.read(into: buffer.room, until: deadline)
      if probe.times.starttransfer == 0, count > 0 { probe.times.starttransfer = stopwatch.elapsed }
      if count == 0 {
        guard parser.close() else { throw .closed }
        break
      }
      let taken = try Self.feed(&parser, UnsafeRawBufferPointer(rebasing: buffer.room[..<count]))
      guard taken == count else { throw .malformed("there are bytes after the response") }
    }
    probe.times.total = stopwatch.elapsed
    probe.status = parser.status
    probe.contentBytes = parser.contentLength
    probe.httpVersion = "1.1"
    return parser.keepsAlive
  }

  private func http2(
    _ session: HTTP2Session, _ probe: inout Probe, _ stopwatch: Stopwatch, _ deadline: Deadline,
    _ buffer: ReadBuffer
  ) throws(ProbeError) -> Bool {
    probe.times.pretransfer = stopwatch.elapsed
    guard session.submit(request.http2, body: nil) else { throw .closed }
    while true {
      var output: [UInt8] = []
      session.drain(to: &output)
      if !output.isEmpty { try connection.write(output, until: deadline) }
      if session.ending != nil { break }
      if session.isOver { throw .malformed("what came breaks HTTP/2's protocol, or ends it") }
      let count = try connection.read(into: buffer.room, until: deadline)
      let moment = stopwatch.elapsed
      guard count > 0 else { throw .closed }
      if let problem = session.receive(UnsafeRawBufferPointer(rebasing: buffer.room[..<count])) {
        throw .malformed(problem)
      }
      if probe.times.starttransfer == 0, session.hasBegun { probe.times.starttransfer = moment }
      // The total is the end of the response, not of what is still to be acknowledged.
      if session.ending != nil { probe.times.total = stopwatch.elapsed }
    }
    if let code = session.ending, code != 0 { throw .malformed("HTTP/2 error \(code) ended the stream") }
    probe.status = session.status
    probe.contentBytes = session.contentLength
    probe.httpVersion = "2"
    return !session.isGoingAway
  }

  private static func feed(
    _ parser: inout ResponseParser, _ bytes: UnsafeRawBufferPointer
  ) throws(ProbeError) -> Int {
    do throws(ResponseParser.Malformed) {
      return try parser.consume(bytes)
    } catch {
      throw .malformed(error.rawValue)
    }
  }
}
