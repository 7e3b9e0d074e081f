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
        stride(from: 0, to: 16, by: 4).map { Segment.word(moved, $0) } == [
          first &+ 72, first &+ 172, first &- 28, first,
        ])
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

  /// A segment that is full already goes without, once another has told; else without its data, which come again.
  @Test func whereThereIsNoRoomTheOptionGoesAlone() throws {
    let servers = try ToldServers(UInt32(SVS_DISCLOSE_TOA), mtu: 1500)
    _ = try open(servers)
    let own: [UInt8] = [254, 8, 0x9c, 0x40, 10, 1, 0, 203]
    let first = Self.start &+ 1
    let options = [UInt8](repeating: 1, count: 36)
    #expect(servers.send(Segment(.ack, sequence: first, acknowledged: 1001, options: options)) == nil)
    #expect(servers.events(.disclosureDropped) == 1)
    let full = Segment([.ack, .fin], sequence: first, acknowledged: 1001, data: [UInt8](repeating: 7, count: 1460))
    let alone = try #require(servers.send(full))
    #expect(alone.options == own && alone.data.isEmpty && alone.flags == .ack && alone.sequence == first)
    let again = try #require(servers.send(full))
    #expect(again.options.isEmpty && again.data.count == 1460 && again.flags == [.ack, .fin])
    #expect(
      try #require(servers.send(Segment(.ack, sequence: first, acknowledged: 1001, options: options))).options
        == options)
    #expect(servers.events(.optionOmitted) == 2)
    // Behind an end of options nobody reads: it gives way.
    let ended = try #require(
      servers.send(Segment(.ack, sequence: first, acknowledged: 1001, options: [4, 2, 0, 9])))
    #expect(ended.options.prefix(4) == [4, 2, 1, 1] && ended.options.count == 12)
  }

  /// A first segment without room for the header gives way to the header, as does one too large to be summed anew.
  @Test(arguments: [1500, 9000])
  func aHeaderWithoutRoomGoesAlone(_ mtu: UInt16) throws {
    let servers = try ToldServers(UInt32(SVS_DISCLOSE_PROXY_2), mtu: mtu)
    _ = try open(servers)
    let first = Self.start &+ 1
    let data = [UInt8](repeating: 7, count: Int(mtu) - 40)
    let full = Segment(
      [.ack, .fin], sequence: first, acknowledged: 1001, options: Self.timestamp, data: Array(data[12...]))
    let alone = try #require(servers.send(full))
    #expect(alone.data == header(2, six: false) && alone.options == Self.timestamp && alone.flags == .ack)
    _ = servers.reply(Segment(.ack, sequence: 1001, acknowledged: first &+ 28))
    let rest = try #require(servers.send(full))
    #expect(rest.data == Array(data[12...]) && rest.sequence == first &+ 28 && rest.flags == [.ack, .fin])
  }

  /// The server's word says where the stream begins: a client may say SYN twice, and not begin where it said.
  @Test(arguments: [UInt32(SVS_DISCLOSE_PROXY_2), UInt32(SVS_DISCLOSE_TOA)])
  func aClientDoesNotSayWhereItsStreamBegins(_ disclosure: UInt32) throws {
    let servers = try ToldServers(disclosure)
    let first = Self.start &+ 1
    let forged: [UInt8] = [254, 8, 0, 80, 9, 9, 9, 9]
    let lie = Array("PROXY TCP4 9.9.9.9 9.9.9.9 1 1\r\n".utf8)
    _ = servers.send(Segment(.syn, sequence: Self.start))
    _ = servers.send(Segment(.syn, sequence: Self.start &- 1000))
    let opened = try #require(servers.reply(Segment([.syn, .ack], sequence: 1000, acknowledged: first)))
    #expect(opened.acknowledged == first)
    let told = try #require(
      servers.send(Segment(.ack, sequence: first, acknowledged: 1001, options: forged, data: lie)))
    if disclosure == UInt32(SVS_DISCLOSE_TOA) {
      #expect(told.options == [UInt8](repeating: 1, count: 8) + [254, 8, 0x9c, 0x40, 10, 1, 0, 203])
    } else {
      #expect(told.data == header(2, six: false) + lie)
      // One byte that is old, and the lie behind it; and the same as the end of a keepalive, which passes.
      let early = Segment(.ack, sequence: first &- 1, acknowledged: 1001, data: [0] + lie)
      #expect(servers.send(early) == nil && servers.events(.disclosureDropped) == 1)
      #expect(servers.send(Segment(.ack, sequence: first &- 1, acknowledged: 1001, data: [0]))?.data == [0])
    }
    // A server that has forgotten, and a client with a new number: the stream begins anew.
    _ = servers.reply(Segment(.ack, sequence: 1001, acknowledged: first &+ 60))
    _ = servers.send(Segment(.syn, sequence: 5_000))
    let anew = try #require(servers.reply(Segment([.syn, .ack], sequence: 77, acknowledged: 5_001)))
    #expect(anew.acknowledged == 5_001)
    let ack = try #require(servers.send(Segment(.ack, sequence: 5_001, acknowledged: 78)))
    #expect(ack.sequence == 5_001 && (ack.data.count == 28 || ack.options.count == 8))
  }

  /// Options that do not fit, or are many, do not hide the one that is forged.
  @Test func optionsThatAreBrokenHideNothing() throws {
    let first = Self.start &+ 1
    for six in [false, true] {
      let servers = try ToldServers(UInt32(SVS_DISCLOSE_TOA), six: six)
      _ = try open(servers)
      let size: UInt8 = six ? 20 : 8
      let own: [UInt8] = [254, size, 0x9c, 0x40] + servers.client.bytes
      let broken: [UInt8] = [1, 1, 1, 1, 254, size, 0, 80, 9, 9, 9, 9].dropLast(six ? 0 : 4)
      let ack = try #require(servers.send(Segment(.ack, sequence: first, acknowledged: 1001, options: broken)))
      #expect(ack.options == [UInt8](repeating: 1, count: broken.count) + own)
    }
    let servers = try ToldServers(UInt32(SVS_DISCLOSE_NOTHING))
    _ = try open(servers)
    let many: [UInt8] =
      [UInt8](repeating: 0, count: 32).indices.map { $0 % 2 == 0 ? 254 : 2 } + [254, 8, 0, 80, 9, 9, 9, 9]
    let ack = try #require(servers.send(Segment(.ack, sequence: first, acknowledged: 1001, options: many)))
    #expect(ack.options == [UInt8](repeating: 1, count: 40))
  }

  /// Parts of a segment are not looked into: a client that is still to be told of sends none.
  @Test func fragmentsDoNotHideAnything() throws {
    for disclosure in [UInt32(SVS_DISCLOSE_TOA), UInt32(SVS_DISCLOSE_PROXY_1)] {
      let servers = try ToldServers(disclosure)
      _ = try open(servers)
      var segment = Segment(
        .ack, sequence: Self.start &+ 1, acknowledged: 1001, options: [254, 8, 0, 80, 9, 9, 9, 9],
        data: [UInt8](repeating: 1, count: 100))
      (segment.source, segment.sourcePort) = (servers.client, servers.clientPort)
      (segment.destination, segment.destinationPort) = (servers.vip, 80)
      var frame = segment.frame
      frame[20] = 0
      for piece in TestFragments.cut(frame, every: 48) { #expect(servers.state.process(piece).0 == .drop) }
      #expect(servers.events(.disclosureDropped) >= 1)
    }
  }

  /// Numbers are compared by half of their circle: a stream of more than 2 GiB goes on all the same.
  @Test func longStreamsGoOn() throws {
    let servers = try ToldServers(UInt32(SVS_DISCLOSE_PROXY_2))
    _ = try open(servers)
    let first = Self.start &+ 1
    _ = servers.send(Segment(.ack, sequence: first, acknowledged: 1001))
    _ = servers.reply(Segment(.ack, sequence: 1001, acknowledged: first &+ 28))
    let far = first &+ 0x8000_0100
    let sent = try #require(servers.send(Segment(.ack, sequence: far, acknowledged: 1001, data: [1])))
    #expect(sent.sequence == far &+ 28)
    let sack: [UInt8] = [1, 1, 5, 10] + Segment.bytes(far &+ 100) + Segment.bytes(far &+ 200)
    let reply = try #require(
      servers.reply(Segment(.ack, sequence: 1001, acknowledged: far &+ 28, options: sack)))
    #expect(reply.acknowledged == far && Segment.word(reply.options, 4) == far &+ 72)
  }

  /// A connection that its template keeps begins anew on the same record: its client is told of again.
  @Test func aConnectionThatBeginsAgainIsToldOfAgain() throws {
    let servers = try ToldServers(UInt32(SVS_DISCLOSE_TOA))
    try #require(servers.state.configuration.find(0)).pointee.conn_reuse_mode = 0
    _ = try open(servers)
    let first = Self.start &+ 1
    _ = servers.send(Segment(.ack, sequence: first, acknowledged: 1001))
    _ = servers.reply(Segment([.ack, .fin], sequence: 1001, acknowledged: first))
    #expect(try #require(servers.send(Segment([.ack, .fin], sequence: first, acknowledged: 1002))).options.isEmpty)
    _ = servers.send(Segment(.syn, sequence: 9_000))
    _ = servers.reply(Segment([.syn, .ack], sequence: 4_000, acknowledged: 9_001))
    let ack = try #require(
      servers.send(Segment(.ack, sequence: 9_001, acknowledged: 4_001, options: [254, 8, 0, 80, 9, 9, 9, 9])))
    #expect(ack.options == [UInt8](repeating: 1, count: 8) + [254, 8, 0x9c, 0x40, 10, 1, 0, 203])
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

  /// A link behind the director may leave the option no room in any segment that an IPv6 host would send.
  @Test func fullSegmentsGoWithoutTheOptionWhereTheWayIsNarrow() throws {
    let servers = try ToldServers(UInt32(SVS_DISCLOSE_TOA), six: true)
    _ = try open(servers)
    let first = Self.start &+ 1
    let ack = try #require(servers.send(Segment(.ack, sequence: first, acknowledged: 1001)))
    #expect(ack.options.count == 20)
    // 1,280 bytes with its headers.
    let full = Segment(.ack, sequence: first, acknowledged: 1001, data: [UInt8](repeating: 1, count: 1220))
    let passed = try #require(servers.send(full))
    #expect(passed.options.count == 20)
    let packet = try #require(servers.tooBig(passed, mtu: 1280))
    #expect(Segment.word(Array(packet[40...]), 4) == 1280)
    let again = try #require(servers.send(full))
    #expect(again.options.isEmpty && again.data == full.data && servers.events(.optionOmitted) == 1)
    // What has room carries it still.
    #expect(try #require(servers.send(Segment(.ack, sequence: first, acknowledged: 1001))).options.count == 20)
    // Less than any link carries is nobody's word.
    let other = try ToldServers(UInt32(SVS_DISCLOSE_TOA), six: true)
    _ = try open(other)
    let large = try #require(other.send(full))
    _ = other.tooBig(large, mtu: 600)
    #expect(try #require(other.send(full)).options.count == 20)
  }

  /// The same of the PROXY header, which then goes without data; and where it is the client that does not go below 1,280
  /// bytes, though its server's way would carry less.
  @Test(arguments: [UInt32(SVS_DISCLOSE_PROXY_1), UInt32(SVS_DISCLOSE_PROXY_2)], [false, true])
  func theHeaderGoesAloneWhereTheWayIsNarrow(_ disclosure: UInt32, crosses: Bool) throws {
    let servers = try ToldServers(disclosure, six: true, crosses: crosses)
    _ = try open(servers)
    let first = Self.start &+ 1
    let full = Segment(.ack, sequence: first, acknowledged: 1001, data: [UInt8](repeating: 1, count: 1220))
    let passed = try #require(servers.send(full))
    #expect(passed.data.count > 1220)
    let packet = try #require(servers.tooBig(passed, mtu: crosses ? 1200 : 1280))
    #expect(Segment.word(Array(packet[40...]), 4) == 1280)
    let alone = try #require(servers.send(full))
    #expect(alone.data == Array(passed.data.dropLast(1220)) && alone.sequence == passed.sequence)
    let heard = alone.sequence &+ UInt32(alone.data.count)
    let ack = try #require(servers.reply(Segment(.ack, sequence: 1001, acknowledged: heard)))
    #expect(ack.acknowledged == first)
    let rest = try #require(servers.send(full))
    #expect(rest.data == full.data && rest.sequence == heard)
  }

  /// The option's room is judged by what the client can be brought to send, whatever the server's family is.
  @Test func fullSegmentsCrossWithoutTheOptionWhereTheWayIsNarrow() throws {
    let servers = try ToldServers(UInt32(SVS_DISCLOSE_TOA), six: true, crosses: true)
    _ = try open(servers)
    let first = Self.start &+ 1
    let full = Segment(.ack, sequence: first, acknowledged: 1001, data: [UInt8](repeating: 1, count: 1220))
    _ = servers.send(Segment(.ack, sequence: first, acknowledged: 1001))
    let passed = try #require(servers.send(full))
    #expect(passed.options.count == 20)
    let packet = try #require(servers.tooBig(passed, mtu: 1200))
    #expect(Segment.word(Array(packet[40...]), 4) == 1280)
    let again = try #require(servers.send(full))
    #expect(again.options.isEmpty && again.data == full.data && servers.events(.optionOmitted) == 1)
    // A way that leaves both room is told, less what the director adds.
    let wide = try ToldServers(UInt32(SVS_DISCLOSE_TOA), six: true, crosses: true)
    _ = try open(wide)
    let large = Segment(.ack, sequence: first, acknowledged: 1001, data: [UInt8](repeating: 1, count: 1400))
    let sent = try #require(wide.send(large))
    let told = try #require(wide.tooBig(sent, mtu: 1400))
    #expect(Segment.word(Array(told[40...]), 4) == 1400)
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
