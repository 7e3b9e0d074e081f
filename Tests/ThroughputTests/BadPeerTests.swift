import CSystem
import Glibc
import HostSystem
import Measurement
import Synchronization
import Testing

@testable import Throughput

/// Peers that are absent, busy, silent, gone in the middle, or speak something else.
@Suite struct BadPeerTests {
  /// A connection to a server of this host, as somebody makes it who does not follow the protocol.
  private func knock(_ port: UInt16) throws -> Descriptor {
    try SocketMaker(family: AF_INET).connect(to: "127.0.0.1", port: port, timeout: .seconds(5)) {
      (_, _) throws(ThroughputError) in
    }
  }

  private func send(_ bytes: [UInt8], to socket: borrowing Descriptor) throws {
    try Wire.write(bytes, to: socket.number, "the server")
  }

  /// What the server answers until it closes the connection.
  private func answers(_ socket: borrowing Descriptor) throws -> [UInt8] {
    var result: [UInt8] = []
    while Wire.wait(for: Int16(POLLIN), on: socket.number, Deadline(in: .seconds(15))) {
      var room = [UInt8](repeating: 0, count: 4096)
      let count = recv(socket.number, &room, room.count, 0)
      guard count > 0 else { return result }
      result += room[..<count]
    }
    throw TookTooLong(description: "the server neither answers nor closes")
  }

  private func framed(_ text: String) -> [UInt8] {
    Wire.bigEndian(UInt32(text.utf8.count)) + Array(text.utf8)
  }

  private func expectServes(_ own: OwnServer) throws {
    let report = try RealIperf3.report(own.port, "-n 1M")
    #expect(try #require(report["end"]?["sum_sent"]?["bytes"]?.whole) >= 1 << 20)
  }

  @Test("Octets of another protocol end that connection only", arguments: 1...6 as ClosedRange<UInt64>)
  func garbage(seed: UInt64) throws {
    let own = try OwnServer()
    defer { own.stop() }
    var generator = SeededGenerator(seed: seed)
    for round in 0..<20 {
      let socket = try knock(own.port)
      let length = Int.random(in: 37...300, using: &generator)
      var octets = (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
      // Every other one gets as far as the parameters.
      let passesAsCookie = round % 2 == 0
      if passesAsCookie { octets.replaceSubrange(..<37, with: Cookie.random().bytes) }
      // A length that is never filled is what the server waits for; it must not be long.
      if passesAsCookie, octets.count >= 41 { octets[37...39] = [0, 0, 0] }
      try? send(octets, to: socket)
      shutdown(socket.number, CInt(SHUT_WR))
      _ = try answers(socket)
    }
    try expectServes(own)
  }

  @Test(
    "Parameters that make no sense are answered with iperf3's error",
    arguments: [
      (#"{"tcp":true,"parallel":100000}"#, PeerError.streams), (#"{"tcp":true,"len":-1}"#, .blockSize),
      (#"{"tcp":true,"time":1e99}"#, .duration), ("{\"tcp\":", .parameters), ("[[[[", .parameters), ("", .parameters),
      (#"{"tcp":true,"congestion":"no-such-thing"}"#, .createStream),
    ])
  func absurdParameters(_ text: String, _ expected: PeerError) throws {
    let own = try OwnServer()
    defer { own.stop() }
    let socket = try knock(own.port)
    let cookie = Cookie.random()
    try send(cookie.bytes + framed(text), to: socket)
    if expected == .createStream {
      #expect(
        try Wire.read(2, from: socket.number, Deadline(in: .seconds(10)), "the server", interrupts: -1) == [9, 10])
      let stream = try knock(own.port)
      try send(cookie.bytes, to: stream)
      #expect(try answers(socket).prefix(5) == [0xfe] + Wire.bigEndian(UInt32(expected.rawValue)))
    } else {
      let answer = try answers(socket)
      #expect(answer == [9, 0xfe] + Wire.bigEndian(UInt32(expected.rawValue)) + [0, 0, 0, 0])
    }
    try expectServes(own)
  }

  @Test("A length of 4 GB is not believed") func absurdLength() throws {
    let own = try OwnServer()
    defer { own.stop() }
    let socket = try knock(own.port)
    try send(Cookie.random().bytes + [0xff, 0xff, 0xff, 0xff], to: socket)
    #expect(try answers(socket).prefix(2) == [9, 0xfe])
    try expectServes(own)
  }

  @Test("A client that is gone in the middle leaves its part of the test, and others are served")
  func clientVanishes() throws {
    let own = try OwnServer { $0.interval = 0.2 }
    defer { own.stop() }
    let started = try Command([RealIperf3.path, "-c", "127.0.0.1", "-p", "\(own.port)", "-t", "30"]).begin()
    let pid = started.pid
    defer { kill(pid, SIGKILL) }
    try waitUntil("the test runs") { own.text.contains(" sec ") }
    kill(pid, SIGKILL)
    _ = try started.wait(timeout: .seconds(5))
    try waitUntil("the server notices") { own.text.contains("has closed the control connection") }
    // The summary of what there was.
    let summary = own.text.split(separator: "\n").last { $0.hasSuffix("receiver") }
    #expect(summary?.contains("0.00-") == true)
    try expectServes(own)
  }

  @Test("A client that is interrupted says so") func clientTerminates() throws {
    let own = try OwnServer { $0.interval = 0.2 }
    defer { own.stop() }
    let bell = try Bell()
    let port = own.port
    let lines = OwnServer.Printed()
    let record = ReferenceBox<TestRecord?>(nil)
    let worker = try Worker {
      record.set(
        try? runClient(port, lines: lines, interrupt: bell) {
          $0.parameters.duration = 30; $0.interval = 0.2
        })
    }
    try waitUntil("the test runs") { lines.text.contains(" sec ") }
    bell.ring()
    worker.join()
    let kept = try #require(record.get())
    #expect(kept.error?.hasPrefix("interrupted") == true && !kept.isComplete)
    #expect(!kept.intervals.isEmpty && kept.totals.first?.sample.bytes ?? 0 > 0)
    #expect(lines.text.contains("sender"))
    try waitUntil("the server hears it") { own.text.contains("the client has ended the test") }
    try expectServes(own)
  }

  @Test("A server that is gone in the middle leaves the client what it measured", arguments: [SIGKILL, SIGTERM])
  func serverVanishes(signal: CInt) throws {
    let server = try RealServer()
    let port = server.port
    let lines = OwnServer.Printed()
    let record = ReferenceBox<TestRecord?>(nil)
    let worker = try Worker {
      record.set(
        try? runClient(port, lines: lines) {
          $0.parameters.duration = 30; $0.interval = 0.2
        })
    }
    try waitUntil("the test runs") { lines.text.contains(" sec ") }
    server.kill(signal)
    worker.join()
    let kept = try #require(record.get())
    #expect(kept.error?.contains("server") == true && !kept.isComplete)
    #expect(!kept.intervals.isEmpty && kept.totals.first?.sample.bytes ?? 0 > 0)
    let json = JSONReport(kept).value
    #expect(json["error"]?.text == kept.error && json["intervals"]?.elements.isEmpty == false)
  }

  @Test("iperf3's server is busy with somebody else") func busy() throws {
    let server = try RealServer()
    let port = server.port
    let lines = OwnServer.Printed()
    let bell = try Bell()
    let worker = try Worker {
      _ = try? runClient(port, lines: lines, interrupt: bell) {
        $0.parameters.duration = 30; $0.interval = 0.2
      }
    }
    try waitUntil("the first test runs") { lines.text.contains(" sec ") }
    let record = try runClient(port)
    #expect(record.error?.contains("busy") == true)
    bell.ring()
    worker.join()
  }

  @Test("A full server says that it is busy, in iperf3's way") func full() throws {
    let own = try OwnServer {
      $0.mostClients = 1; $0.interval = 0.2
    }
    defer { own.stop() }
    let bell = try Bell()
    let port = own.port
    let worker = try Worker { _ = try? runClient(port, interrupt: bell) { $0.parameters.duration = 30 } }
    try waitUntil("the first test runs") { own.text.contains(" sec ") }
    let (ending, _, errors) = try RealIperf3.client(port, "-t 1")
    #expect(ending == .exited(code: 1) && errors.contains("busy"))
    bell.ring()
    worker.join()
    try waitUntil("the first test is over") { own.text.contains("has ended the test") }
    try waitUntil("there is room again") {
      (try? RealIperf3.client(port, "-n 1M"))?.ending == .exited(code: 0)
    }
  }

  @Test func nobodyListens() throws {
    let record = try runClient(1)
    #expect(record.error == "unable to connect to 127.0.0.1 port 1: Connection refused")
  }

  @Test func noSuchHost() throws {
    let record = try runClient(5201) { $0.host = "no-such-host.invalid" }
    #expect(record.error?.hasPrefix("cannot find the address of no-such-host.invalid: ") == true)
  }

  @Test("A peer that is no server of this protocol") func notAServer() throws {
    let listener = try Descriptor(checking: svs_stream_socket(AF_INET), "make a socket")
    let address = try SocketAddress.resolve("127.0.0.1", port: 0, family: AF_INET)[0]
    try #require(address.withPointer { bind(listener.number, $0, $1) } == 0 && listen(listener.number, 1) == 0)
    let number = listener.number
    let worker = try Worker {
      guard let socket = try? Descriptor(checking: svs_accept(number), "accept") else { return }
      try? Wire.write(Array("SSH-2.0-OpenSSH_9.2p1\r\n".utf8), to: socket.number, "the client")
      _ = Wire.wait(for: Int16(POLLIN), on: socket.number, Deadline(in: .seconds(5)))
    }
    let record = try runClient(try #require(SocketAddress.local(of: number)).port)
    worker.join()
    #expect(record.error?.contains("does not speak iperf3's protocol") == true)
  }

  /// What a client says of a server that says so much and then no more, and holds the connection.
  private func error(ofServerSaying octets: [UInt8]) throws -> String? {
    let listener = try Descriptor(checking: svs_stream_socket(AF_INET), "make a socket")
    let address = try SocketAddress.resolve("127.0.0.1", port: 0, family: AF_INET)[0]
    try #require(address.withPointer { bind(listener.number, $0, $1) } == 0 && listen(listener.number, 1) == 0)
    let number = listener.number
    let over = try Bell()
    let worker = try Worker {
      guard let socket = try? Descriptor(checking: svs_accept(number), "accept") else { return }
      try? Wire.write(octets, to: socket.number, "the client")
      _ = Wire.wait(for: Int16(POLLIN), on: over.number, Deadline(in: .seconds(30)))
    }
    let record = try runClient(try #require(SocketAddress.local(of: number)).port) { $0.patience = 1 }
    over.ring()
    worker.join()
    return record.error
  }

  @Test("A server that says nothing, or nothing more, is not waited for without end") func silence() throws {
    let sentence = "the server has not answered for 1 second"
    #expect(try error(ofServerSaying: []) == "\(sentence); it may be none of iperf3's protocol")
    let asked = UInt8(bitPattern: ControlState.parameterExchange.rawValue)
    #expect(try error(ofServerSaying: [asked]) == sentence)
    #expect(try error(ofServerSaying: [asked, asked])?.contains("for a second time") == true)
  }

  @Test("A server that ends tells its clients") func serverStops() throws {
    let own = try OwnServer { $0.interval = 0.2 }
    let started = try Command([RealIperf3.path, "-c", "127.0.0.1", "-p", "\(own.port)", "-t", "30"]).begin()
    defer { kill(started.pid, SIGKILL) }
    try waitUntil("the test runs") { own.text.contains(" sec ") }
    own.stop()
    let result = try started.wait(timeout: .seconds(10))
    #expect(result.ending == .exited(code: 1))
    #expect(String(decoding: result.errors, as: UTF8.self).contains("the server has terminated"))
  }

  @Test("A server for one test ends after it") func oneOff() throws {
    let own = try OwnServer { $0.isOneOff = true }
    #expect(try RealIperf3.client(own.port, "-n 1M").ending == .exited(code: 0))
    own.waitToEnd()
    #expect(own.text.contains("receiver"))
  }
}

/// A value that a thread leaves for another.
final class ReferenceBox<Value: Sendable>: Sendable {
  private let value: Mutex<Value>

  init(_ value: Value) { self.value = Mutex(value) }
  func set(_ new: Value) { value.withLock { $0 = new } }
  func get() -> Value { value.withLock { $0 } }
}
