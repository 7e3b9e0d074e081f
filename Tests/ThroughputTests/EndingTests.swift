import CSystem
import Glibc
import HostSystem
import Measurement
import Testing

@testable import Throughput

/// Tests that end when they should, whatever the path or the peer does.
@Suite struct EndingTests {
  @Test("An echo over a path that takes nothing any more is over when it is told") func deadEcho() throws {
    let listener = try Descriptor(checking: svs_stream_socket(AF_INET), "make a socket")
    // The smallest buffers, on both sides: full after a few messages that nobody reads.
    _ = svs_set_socket_option(listener.number, SVS_RECEIVE_BUFFER, 1)
    let address = try SocketAddress.resolve("127.0.0.1", port: 0, family: AF_INET)[0]
    try #require(address.withPointer { bind(listener.number, $0, $1) } == 0 && listen(listener.number, 1) == 0)
    let port = try #require(SocketAddress.local(of: listener.number)).port
    let socket = try SocketMaker(family: AF_INET).connect(to: "127.0.0.1", port: port, timeout: .seconds(5)) {
      (number, _) throws(ThroughputError) in
      _ = svs_set_socket_option(number, SVS_SEND_BUFFER, 1)
    }
    let number = socket.number
    let event = try Descriptor(checking: svs_event(), "make an event")
    let probe = try EchoProbe(socket, Cookie.random(), interrupts: event.number)
    try? probe.measureIdle()
    // It does not take one octet more.
    try waitUntil("the path is full") { !Wire.wait(for: Int16(POLLOUT), on: number, Deadline(in: .zero)) }
    let over = try Bell()
    let result = ReferenceBox<LatencyUnderLoad?>(nil)
    try Worker.detached {
      result.set(probe.finish())
      over.ring()
    }
    try #require(Wire.wait(for: Int16(POLLIN), on: over.number, Deadline(in: .seconds(10))), "it waits for ever")
    #expect(result.get()?.unanswered ?? 0 > 0)
  }

  @Test("A sender that waits for its next block ends with the test, not at the next look at the clock")
  func pacedSender() throws {
    // 1 Mbit/s in blocks of 128 KiB: more than a second between two.
    var waits: [Double] = []
    for _ in 0..<7 {
      var parameters = TestParameters()
      parameters.rate = 1_000_000
      let control = try TransferControl(parameters, senders: 1, endsByAmount: false, bell: try Bell())
      let ended = ReferenceBox<UInt64>(0)
      let worker = try Worker {
        var pacer = Pacer(bitsPerSecond: 1_000_000, burst: 1)
        pacer.wait(sent: 128 << 10, control)
        ended.set(Clock.now)
      }
      svs_sleep_until(Clock.now + 10_000_000)
      let stopped = Clock.now
      control.stop(receivers: true)
      worker.join()
      waits.append(Double(ended.get() - stopped) / 1e9)
    }
    // One of the seven was not disturbed by the rest of the machine.
    #expect(try #require(waits.min()) < 0.015, "\(waits)")
  }

  @Test("A client's results have a bound that fits them") func results() throws {
    let own = try OwnServer()
    defer { own.stop() }
    let control = try knock(own.port)
    let cookie = Cookie.random()
    var parameters = TestParameters()
    parameters.streams = 1
    try Wire.write(cookie.bytes, to: control.number, "the server")
    let text = Array(parameters.wireForm().compact.utf8)
    try Wire.write(Wire.bigEndian(UInt32(text.count)) + text, to: control.number, "the server")
    func expect(_ states: [UInt8]) throws {
      let answer = try Wire.read(
        states.count, from: control.number, Deadline(in: .seconds(10)), "the server", interrupts: -1)
      #expect(answer == states)
    }
    try expect([9, 10])
    let stream = try knock(own.port)
    try Wire.write(cookie.bytes, to: stream.number, "the server")
    try expect([1, 2])
    try Wire.write([4], to: control.number, "the server")
    try expect([13])
    // Only its length: a server that believed it would wait for the rest.
    try Wire.write(Wire.bigEndian(1 << 20 + 1), to: control.number, "the server")
    try expect([0xfe] + Wire.bigEndian(UInt32(PeerError.parameters.rawValue)))
    try waitUntil("the server says why") { own.text.contains("1048577 octets, where 1048576 are the most") }
  }

  @Test("A client that never greets over UDP holds no other host's test") func independentGreetings() throws {
    let own = try OwnServer()
    defer { own.stop() }
    var parameters = TestParameters()
    parameters.transport = .udp
    parameters.blockSize = 1000
    // From another of the loopback's addresses: another host to the server.
    var maker = SocketMaker(family: AF_INET)
    maker.localHost = "127.0.0.2"
    let silent = try maker.connect(to: "127.0.0.1", port: own.port, timeout: .seconds(5)) {
      (_, _) throws(ThroughputError) in
    }
    try Wire.write(Cookie.random().bytes, to: silent.number, "the server")
    let text = Array(parameters.wireForm().compact.utf8)
    try Wire.write(Wire.bigEndian(UInt32(text.count)) + text, to: silent.number, "the server")
    let states = try Wire.read(2, from: silent.number, Deadline(in: .seconds(10)), "the server", interrupts: -1)
    #expect(states == [9, 10])
    let report = try RealIperf3.report(own.port, "-u -b 100M -n 200K")
    #expect(report["end"]?["sum"]?["packets"]?.whole ?? 0 > 0)
    // Its five seconds are not over: the other one did not wait for them.
    #expect(!Wire.wait(for: Int16(POLLIN), on: silent.number, Deadline(in: .zero)))
    try waitUntil("the silent one is refused") { own.text.contains("only 0 of 1 UDP streams came") }
  }

  private func knock(_ port: UInt16) throws -> Descriptor {
    try SocketMaker(family: AF_INET).connect(to: "127.0.0.1", port: port, timeout: .seconds(5)) {
      (_, _) throws(ThroughputError) in
    }
  }
}
