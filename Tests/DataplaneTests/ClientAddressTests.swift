import DataplaneSimulation
import DataplaneTesting
import DataplaneTypes
import Glibc
import Testing

@testable import Dataplane

/// What a server under FULLNAT is told of its client, segment by segment.
struct ClientAddressTests {
  private static let timestamp: [UInt8] = [1, 1, 8, 10, 0, 0, 0, 7, 0, 0, 0, 9]
  private static let start: UInt32 = 0xffff_fff0

  /// Opens a connection; the client's first byte is `start` + 1, the server's 1001.
  private func open(_ servers: ToldServers, options: [UInt8] = [2, 4, 0x05, 0xb4]) throws -> Segment {
    let syn = try #require(servers.send(Segment(.syn, sequence: Self.start, options: options)))
    #expect(syn.sequence == Self.start && syn.data.isEmpty)
    let answer = Segment(
      [.syn, .ack], sequence: 1000, acknowledged: Self.start &+ 1, options: [2, 4, 0x05, 0xb4, 1, 1, 4, 2])
    return try #require(servers.reply(answer))
  }

  private func header(_ version: UInt32, six: Bool) -> [UInt8] {
    switch (version, six) {
    case (1, false): Array("PROXY TCP4 10.1.0.203 10.9.9.1 40000 80\r\n".utf8)
    case (1, true): Array("PROXY TCP6 fd01::1234:abcd fd09::1 40000 80\r\n".utf8)
    default:
      [13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10, 0x21, six ? 0x21 : 0x11, 0, six ? 36 : 12]
        + TestAddress(six ? "fd01::1234:abcd" : "10.1.0.203").bytes
        + TestAddress(six ? "fd09::1" : "10.9.9.1").bytes + [0x9c, 0x40, 0, 80]
    }
  }

  @Test(arguments: [UInt32(1), 2], [false, true])
  func theHeaderComesBeforeTheStream(_ version: UInt32, _ six: Bool) throws {
    let servers = try ToldServers(version == 1 ? UInt32(SVS_DISCLOSE_PROXY_1) : UInt32(SVS_DISCLOSE_PROXY_2), six: six)
    let header = header(version, six: six)
    let size = UInt32(header.count)
    let opened = try open(servers)
    // Room for the header: in the segments, and in the first window.
    #expect(opened.options.prefix(4) == [2, 4, UInt8((1460 - size) >> 8), UInt8((1460 - size) & 255)])
    #expect(opened.window == 64_240 - UInt16(size) && opened.acknowledged == Self.start &+ 1)

    // It goes with the handshake's last segment, and again with whatever begins where the stream does.
    let first = Self.start &+ 1
    let ack = try #require(servers.send(Segment(.ack, sequence: first, acknowledged: 1001, options: Self.timestamp)))
    #expect(ack.data == header && ack.sequence == first && ack.options == Self.timestamp)
    var urgent = Segment([.ack, TCPFlags(rawValue: 32)], sequence: first, acknowledged: 1001, data: Array("GET".utf8))
    urgent.urgent = 2
    let get = try #require(servers.send(urgent))
    #expect(get.data == header + Array("GET".utf8) && get.urgent == 2 + UInt16(size))
    // What overtakes it stands where it belongs.
    let more = try #require(servers.send(Segment(.ack, sequence: first &+ 3, acknowledged: 1001, data: [1, 2, 3])))
    #expect(more.sequence == first &+ 3 &+ size && more.data == [1, 2, 3])

    // The server has part of the header, all of it, and more.
    for (acknowledged, seen) in [(first &+ 5, first), (first &+ size, first), (first &+ size &+ 3, first &+ 3)] {
      let reply = try #require(servers.reply(Segment(.ack, sequence: 1001, acknowledged: acknowledged)))
      #expect(reply.acknowledged == seen)
    }
    // From then on all numbers are shifted, and nothing is put in again.
    let again = try #require(servers.send(Segment(.ack, sequence: first, acknowledged: 1001, data: [7])))
    #expect(again.sequence == first &+ size && again.data == [7])
    let probe = try #require(servers.send(Segment(.ack, sequence: first &- 1, acknowledged: 1001)))
    #expect(probe.sequence == first &- 1 &+ size)
    let reset = try #require(servers.send(Segment([.rst], sequence: first &+ 6)))
    #expect(reset.sequence == first &+ 6 &+ size)
  }

  /// Addresses are written as RFC 5952 has it, which is how logs write them.
  @Test(arguments: [
    "::", "::1", "1::", "1:2:3:4:5:6:7:8", "1:0:2:3:4:5:6:7", "1:0:0:2:0:0:0:3", "1:0:0:2::3", "1:0:0:2:3:0:0:4",
    "0:1:2:3:4:5:6:0", "2001:db8::1:0:0:1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "a:b:c:d:e:f::",
  ])
  func addressesAreWrittenAsPeopleDo(_ text: String) throws {
    let servers = try ToldServers(UInt32(SVS_DISCLOSE_PROXY_1), six: true)
    servers.client = TestAddress(text)
    _ = try open(servers)
    let ack = try #require(servers.send(Segment(.ack, sequence: Self.start &+ 1, acknowledged: 1001)))
    let words = String(decoding: ack.data, as: UTF8.self).split(separator: " ").map(String.init)
    var canonical = [CChar](repeating: 0, count: 46)
    var bytes = TestAddress(text).bytes
    _ = inet_ntop(AF_INET6, &bytes, &canonical, 46)
    #expect(words.count == 6 && words[2] == String(cString: canonical), "\(words)")
  }

  /// Selective acknowledgements are of the server's numbers.
  @Test func blocksAreMoved() throws {
    let servers = try ToldServers(UInt32(SVS_DISCLOSE_PROXY_2))
    _ = try open(servers)
    let first = Self.start &+ 1
    _ = servers.send(Segment(.ack, sequence: first, acknowledged: 1001))
    let edges = [first &+ 100, first &+ 200, first, first &+ 28]
    var sack: [UInt8] = [1, 1, 5, 18]
    for edge in edges { sack += Segment.bytes(edge) }
    for options in [sack, Self.timestamp + sack] {
      let reply = try #require(
        servers.reply(Segment(.ack, sequence: 1001, acknowledged: first &+ 28, options: options)))
      let moved = Array(reply.options.suffix(16))
      #expect(
        stride(from: 0, to: 16, by: 4).map { Segment.word(moved, $0) } == [first &+ 72, first &+ 172, first, first])
      #expect(reply.options.dropLast(16) == options.dropLast(16) && reply.acknowledged == first)
    }
  }

  @Test(arguments: [false, true])
  func theOptionTellsUntilTheServerHasAccepted(_ six: Bool) throws {
    let servers = try ToldServers(UInt32(SVS_DISCLOSE_TOA), six: six)
    let toa: [UInt8] = [254, six ? 20 : 8, 0x9c, 0x40] + servers.client.bytes
    let opened = try open(servers)
    let size = 1460 - toa.count
    #expect(opened.options.prefix(4) == [2, 4, UInt8(size >> 8), UInt8(size & 255)])
    let first = Self.start &+ 1
    for data in [[], [1], [2, 3]] as [[UInt8]] {
      let segment = try #require(
        servers.send(Segment(.ack, sequence: first, acknowledged: 1001, options: Self.timestamp, data: data)))
      #expect(segment.options == Self.timestamp + toa && segment.data == data && segment.sequence == first)
    }
    // An acknowledgement of nothing may answer a stray segment: the server need not have accepted yet.
    _ = servers.reply(Segment(.ack, sequence: 1001, acknowledged: first))
    let still = try #require(servers.send(Segment(.ack, sequence: first, acknowledged: 1001)))
    #expect(still.options == toa)
    _ = servers.reply(Segment(.ack, sequence: 1001, acknowledged: first &+ 1))
    let settled = try #require(servers.send(Segment(.ack, sequence: first &+ 1, acknowledged: 1001)))
    #expect(settled.options.isEmpty)
    #expect(servers.events(.optionOmitted) == 0)
  }

  /// A client's own option goes through only where the service says so.
  @Test func forgedOptionsAreBlanked() throws {
    let forged: [UInt8] = [254, 8, 0, 80, 9, 9, 9, 9]
    let own: [UInt8] = [254, 8, 0x9c, 0x40, 10, 1, 0, 203]
    let blank = [UInt8](repeating: 1, count: 8)
    let first = Self.start &+ 1
    let expected: [(UInt32, [UInt8])] = [
      (UInt32(SVS_DISCLOSE_NOTHING), blank), (UInt32(SVS_DISCLOSE_KEEP), forged),
      (UInt32(SVS_DISCLOSE_TOA), blank + own), (UInt32(SVS_DISCLOSE_TOA | SVS_DISCLOSE_KEEP), forged),
    ]
    for (disclosure, options) in expected {
      let servers = try ToldServers(disclosure)
      let syn = try #require(servers.send(Segment(.syn, sequence: Self.start, options: forged)))
      #expect(syn.options == (disclosure & UInt32(SVS_DISCLOSE_KEEP) != 0 ? forged : blank), "\(disclosure)")
      _ = servers.reply(Segment([.syn, .ack], sequence: 1000, acknowledged: first))
      let ack = try #require(servers.send(Segment(.ack, sequence: first, acknowledged: 1001, options: forged)))
      #expect(ack.options == options, "\(disclosure)")
      // Out of order, which some servers accept a connection by too.
      let later = try #require(servers.send(Segment(.ack, sequence: first &+ 1, acknowledged: 1001, options: forged)))
      #expect(later.options == options, "\(disclosure)")
    }
  }

  /// A segment that is full already goes without: the one that ended the handshake had it.
  @Test func whereThereIsNoRoomTheOptionIsLeftOut() throws {
    let servers = try ToldServers(UInt32(SVS_DISCLOSE_TOA), mtu: 1500)
    _ = try open(servers)
    let first = Self.start &+ 1
    let full = Segment(.ack, sequence: first, acknowledged: 1001, data: [UInt8](repeating: 7, count: 1460))
    #expect(try #require(servers.send(full)).options.isEmpty)
    let options = [UInt8](repeating: 1, count: 36)
    #expect(
      try #require(servers.send(Segment(.ack, sequence: first, acknowledged: 1001, options: options))).options
        == options)
    #expect(servers.events(.optionOmitted) == 2)
    // Behind an end of options nobody reads: it gives way.
    let ended = try #require(
      servers.send(Segment(.ack, sequence: first, acknowledged: 1001, options: [4, 2, 0, 9])))
    #expect(ended.options.prefix(4) == [4, 2, 1, 1] && ended.options.count == 12)
  }

  /// The client is told to send less where its first segment has no room for the header.
  @Test func aSegmentWithoutRoomForTheHeaderIsAnswered() throws {
    let servers = try ToldServers(UInt32(SVS_DISCLOSE_PROXY_2))
    _ = try open(servers)
    let first = Self.start &+ 1
    var full = Segment(.ack, sequence: first, acknowledged: 1001, data: [UInt8](repeating: 7, count: 1460))
    #expect(servers.send(full) == nil)
    #expect(servers.events(.tooBig) == 1)
    full.data.removeLast(28)
    #expect(try #require(servers.send(full)).data.count == 1460)
  }

  /// An error about a segment behind the header is told in the client's numbers, and leaves room for the header.
  @Test(arguments: [false, true])
  func errorsAreAboutWhatTheClientSent(_ six: Bool) throws {
    let servers = try ToldServers(UInt32(SVS_DISCLOSE_PROXY_2), six: six)
    _ = try open(servers)
    let first = Self.start &+ 1
    _ = servers.send(Segment(.ack, sequence: first, acknowledged: 1001))
    let sent = Segment(.ack, sequence: first &+ 7, acknowledged: 1001, data: [UInt8](repeating: 1, count: 1400))
    let passed = try #require(servers.send(sent))
    let packet = try #require(servers.tooBig(passed, mtu: 1400))
    let (icmp, header) = six ? (40, 40) : (20, 20)
    let message = Array(packet[icmp...])
    let pseudo = six ? Array(packet[8..<40]) + [0, 58, packet[4], packet[5]] : []
    #expect(internetChecksum(pseudo + message) == 0)
    #expect(Segment.word(message, 4) == UInt32(1400 - (six ? 52 : 28)))
    #expect(Segment.word(message, 8 + header + 4) == first &+ 7)
    let quotedPorts = Array(message[(8 + header)..<(12 + header)])
    #expect(quotedPorts == [0x9c, 0x40, 0, 80])
  }

  /// Data in a SYN would come before the header: fast open is declined, and the data taken off.
  @Test(arguments: [UInt32(SVS_DISCLOSE_TOA), UInt32(SVS_DISCLOSE_PROXY_1)])
  func fastOpenIsDeclined(_ disclosure: UInt32) throws {
    let servers = try ToldServers(disclosure)
    let cookie: [UInt8] = [34, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1]
    let syn = try #require(
      servers.send(Segment(.syn, sequence: Self.start, options: cookie, data: [UInt8](repeating: 3, count: 301))))
    #expect(syn.data.isEmpty && syn.options == [UInt8](repeating: 1, count: 12))
    // Without anything to tell it stays.
    let plain = try ToldServers(UInt32(SVS_DISCLOSE_NOTHING))
    #expect(try #require(plain.send(Segment(.syn, sequence: 1, options: cookie, data: [3]))).data == [3])
  }

  /// Options as they may come, whole and broken: nothing but what is to change changes.
  @Test func optionsOfAnyKind() throws {
    var random = SeededGenerator(seed: UInt64.random(in: 0...UInt64.max))
    for _ in 0..<2_000 {
      let disclosure = UInt32.random(in: 0...7, using: &random)
      let servers = try ToldServers(disclosure)
      _ = try open(servers)
      let count = Int.random(in: 0...10, using: &random) * 4
      let kinds: [UInt8] = [0, 1, 2, 5, 8, 34, 254, 255]
      let options = (0..<count).map { _ in
        Bool.random(using: &random)
          ? kinds.randomElement(using: &random) ?? 0 : UInt8.random(in: 0...12, using: &random)
      }
      let flags: TCPFlags = [.ack, .syn, [.syn, .ack], .rst, [.fin, .ack]].randomElement(using: &random) ?? .ack
      let first = Self.start &+ 1
      let data = [UInt8](repeating: 5, count: Int.random(in: 0...9, using: &random))
      // `Segment` looks at lengths and checksums.
      let sent = servers.send(Segment(flags, sequence: first, acknowledged: 1001, options: options, data: data))
      if let sent, disclosure & UInt32(SVS_DISCLOSE_KIND) == 0, !flags.contains(.syn) {
        #expect(sent.data == data && sent.options.count == options.count, "seed \(random.seed)")
      }
      _ = servers.reply(Segment(flags, sequence: 1001, acknowledged: first &+ 9, options: options, data: data))
    }
  }
}
