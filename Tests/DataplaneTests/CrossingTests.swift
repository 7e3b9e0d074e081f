import DataplaneSimulation
import DataplaneTesting
import DataplaneTypes
import Testing

@testable import Dataplane

/// FULLNAT between address families, packet by packet, against RFC 7915.
struct CrossingTests {
  let state = MemoryPlatform.State(capacity: 64)

  /// A service at port 80 of each family's VIP, by TCP, UDP and SCTP, whose server is of the other one.
  init() throws {
    for index in UInt32(1)...2 {
      _ = state.devices.replace(
        index, svs_device(flags: UInt32(SVS_DEVICE_REDIRECT), lower: index, vlan: 0, reserved: 0))
    }
    for family in [UInt8(2), 10] {
      state.routes.append(MemoryRoute(family: family, prefix: svs_addr(), length: 0, ifindex: 2))
    }
    try #require(state.configuration.find(0)).pointee.handover_ifindex = 2
    for (index, text) in ["10.0.0.1", "fd00:a::1"].enumerated() {
      let range = try #require(state.localRanges.find(UInt32(index)))
      let address = TestAddress(text)
      range.pointee.first = address.value
      range.pointee.family = address.family
      range.pointee.first_port = 1024
      range.pointee.ports = 1000
      range.pointee.status = UInt8(SVS_LIVE)
    }
    for (vip, server, local) in [("10.9.9.1", "fd00:a::11", UInt32(2)), ("fd00:9::1", "10.0.0.11", 1)] {
      for proto in [UInt8(6), 17, 132] {
        let address = TestAddress(vip)
        let service = state.addService(
          svs_service_key(vip: address.value, port: UInt16(80).bigEndian, proto: proto, family: address.family),
          scheduler: schedulerNumber("rr"))
        var record = svs_server()
        record.addr = TestAddress(server).value
        record.family = TestAddress(server).family
        record.port = UInt16(8080).bigEndian
        record.method = 4
        record.weight = 1
        record.local = local
        state.addServer(record, to: service)
      }
    }
  }

  func events(_ event: Event) -> UInt64 { state.events.find(event.rawValue)?.pointee.packets ?? 0 }

  func request(six: Bool, proto: UInt8 = 17, size: Int = 100, fragment: UInt16 = 0x4000) -> TestPacket {
    var packet = TestPacket()
    packet.source = TestAddress(six ? "fd00:1::5" : "10.1.0.5")
    packet.destination = TestAddress(six ? "fd00:9::1" : "10.9.9.1")
    packet.proto = proto
    packet.fragment = fragment
    packet.tos = 0xb9
    packet.ttl = 61
    packet.payload = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    return packet
  }

  /// The reply to a frame that the director sent to the server.
  private func reply(to frame: [UInt8], proto: UInt8 = 17, size: Int = 100) -> TestPacket {
    let seen = Seen(frame)
    var packet = TestPacket()
    packet.source = seen.destination
    packet.destination = seen.source
    packet.sourcePort = seen.destinationPort
    packet.destinationPort = seen.sourcePort
    packet.proto = proto
    packet.flags = TCPFlags(rawValue: 0x12)
    packet.chunk = 2
    packet.payload = [UInt8](repeating: 3, count: size)
    return packet
  }

  // MARK: Whole packets

  @Test(arguments: [false, true], [UInt8(6), 17, 132])
  func packetsCrossAndComeBack(six: Bool, proto: UInt8) {
    let packet = request(six: six, proto: proto)
    let (verdict, frame) = state.process(packet.bytes)
    #expect(verdict == .redirect)
    let there = Seen(frame)
    #expect(there.isIPv6 == !six)
    #expect(there.source == TestAddress(six ? "10.0.0.1" : "fd00:a::1"))
    #expect(there.destination == TestAddress(six ? "10.0.0.11" : "fd00:a::11"))
    #expect(there.destinationPort == 8080 && (1024..<2024).contains(there.sourcePort))
    #expect(there.ttl == 60 && there.tos == 0xb9 && there.next == proto && there.flowLabel == 0)
    #expect(frame.count == packet.bytes.count + (six ? -20 : 20))
    #expect(there.length == frame.count - 14 && there.headerHolds)
    #expect(frame.suffix(100) == packet.bytes.suffix(100)[...])
    if proto != 132 { #expect(TestFragments.sumsHold(frame)) }

    let answer = reply(to: frame, proto: proto, size: 37)
    let (back, out) = state.process(answer.bytes)
    #expect(back == .redirect)
    let home = Seen(out)
    #expect(home.source == packet.destination && home.destination == packet.source)
    #expect(home.sourcePort == 80 && home.destinationPort == packet.sourcePort)
    #expect(home.ttl == 63 && home.length == out.count - 14 && home.headerHolds)
    #expect(out.suffix(37) == answer.bytes.suffix(37)[...])
    if proto != 132 { #expect(TestFragments.sumsHold(out)) }

    // The second packet takes the way that is known; a sweep leaves nothing behind.
    #expect(state.process(packet.bytes).0 == .redirect)
    #expect(state.connectionTexts.count == 1)
    state.clock += 1_000_000_000_000
    MemoryPlatform(state).sweep()
    #expect(state.connectionTexts.isEmpty && state.flows.count == 0)
    #expect(state.localRanges.find(six ? 0 : 1)?.pointee.used == 0)
  }

  /// RFC 7915, section 5.1: IPv6 hosts cannot send smaller packets than this, so that routers must be able to cut them.
  @Test func smallPacketsMayBeFragmentedInIPv4() {
    func word(_ size: Int) -> UInt16 {
      let frame = state.process(request(six: true, size: size).bytes).1
      return UInt16(frame[20]) << 8 | UInt16(frame[21])
    }
    #expect(word(1232) == 0)
    #expect(word(1233) == 0x4000)
  }

  /// IPv6 demands the checksum that IPv4 may leave out, or to the device.
  @Test(arguments: [TestPacket.ChecksumState.zero, .partial])
  func checksumsAreCompleted(_ checksum: TestPacket.ChecksumState) {
    var packet = request(six: false)
    packet.checksum = checksum
    let (verdict, frame) = state.process(packet.bytes)
    #expect(verdict == .redirect && TestFragments.sumsHold(frame))
  }

  @Test func tagsOptionsAndExtensionsStayBehind() {
    var packet = request(six: false)
    packet.options = [UInt8](repeating: 1, count: 12)
    packet.vlans = [7]
    packet.padding = 9
    let (verdict, frame) = state.process(packet.bytes)
    #expect(verdict == .redirect && Seen(frame).length == 40 + 8 + 100)
    #expect(TestFragments.sumsHold(Array(frame.prefix(14 + 148))))

    packet = request(six: true)
    packet.extensions = [(0, [1, 4, 0, 0, 0, 0]), (60, [1, 4, 0, 0, 0, 0])]
    let (second, out) = state.process(packet.bytes)
    #expect(second == .redirect && out.count == 14 + 20 + 8 + 100 && TestFragments.sumsHold(out))
  }

  // MARK: Sizes

  @Test func sendersAreToldTheMTUOfTheirOwnFamily() {
    let four = state.process(request(six: false, size: 1453).bytes).1
    #expect(Array(four[34..<36]) == [3, 4] && Int(four[40]) << 8 | Int(four[41]) == 1480)
    #expect(state.process(request(six: false, size: 1452).bytes).0 == .redirect)
    #expect(events(.tooBig) == 1)

    state.routes.append(
      MemoryRoute(family: 2, prefix: TestAddress("10.0.0.0").value, length: 24, ifindex: 2, mtu: 1400))
    state.clock += 2_000_000_000
    let six = state.process(request(six: true, size: 1400).bytes).1
    #expect(Array(six[54..<56]) == [2, 0] && Int(six[60]) << 8 | Int(six[61]) == 1420)
    #expect(state.process(request(six: true, size: 1372).bytes).0 == .redirect)
    #expect(events(.tooBig) == 2)
  }

  /// What may be fragmented, and is too big, is cut before it crosses (RFC 7915, section 4.1): it leaves by svs0 and is to
  /// come back from there, untranslated, in pieces that leave room for both of IPv6's headers.
  @Test(arguments: [TestPacket.ChecksumState.whole, .zero, .partial])
  func packetsThatMayBeCutAreCutBeforeTheyCross(_ checksum: TestPacket.ChecksumState) throws {
    var packet = request(six: false, size: 1453, fragment: 0)
    packet.checksum = checksum
    let (verdict, frame) = state.process(packet.bytes)
    let size = MemoryLayout<svs_handover>.size
    let note = frame[14...].withUnsafeBytes { $0.loadUnaligned(as: svs_handover.self) }
    #expect(verdict == .redirect && note.magic == UInt32(SVS_HANDOVER_MAGIC) && frame[12...13] == [8, 0])
    #expect(note.mtu == 1472 && note.ifindex == 2 && note.family == 2)
    // What is cut off has no checksum of its own, so the packet's is there; else it is as it came.
    packet.checksum = .whole
    #expect(frame[(14 + size)...] == packet.bytes[14...])
    #expect(events(.tooBig) == 0)

    // As svs1 cuts it; nobody is counted twice.
    let pieces = TestFragments.cut(packet.bytes, every: 1448)
    let out = pieces.map { state.process($0) }
    #expect(pieces.count == 2 && out.allSatisfy { $0.0 == .redirect && $0.1.count <= 1514 })
    let joined = TestFragments.join(out.map(\.1))
    #expect(TestFragments.sumsHold(joined) && joined.suffix(1453) == packet.bytes.suffix(1453)[...])
    let counted = try #require(state.serverCounters.find(1)).pointee
    #expect(counted.packets_in == 1 && counted.bytes_in == 1481)
  }

  /// Who may not be cut is told: SCTP, whose fragments have no connection here.
  @Test func whatCannotBeCutIsAnswered() throws {
    let sctp = state.process(request(six: false, proto: 132, size: 1453, fragment: 0).bytes).1
    #expect(Array(sctp[34..<36]) == [3, 4] && Int(sctp[40]) << 8 | Int(sctp[41]) == 1472)
    #expect(events(.tooBig) == 1)
  }

  /// Below 1,280 bytes an IPv6 host does not go: it is told so much, and the director fragments.
  @Test func narrowWaysOfIPv4AreCutFor() {
    state.routes.append(
      MemoryRoute(family: 2, prefix: TestAddress("10.0.0.0").value, length: 24, ifindex: 2, mtu: 1000))
    let six = state.process(request(six: true, size: 1400).bytes).1
    #expect(Array(six[54..<56]) == [2, 0] && Int(six[60]) << 8 | Int(six[61]) == 1280)
    let (verdict, frame) = state.process(request(six: true, size: 1232).bytes)
    let note = frame[14...].withUnsafeBytes { $0.loadUnaligned(as: svs_handover.self) }
    #expect(verdict == .redirect && note.magic == UInt32(SVS_HANDOVER_MAGIC) && note.mtu == 1000)
    #expect(frame[12...13] == [8, 0] && frame[14 + MemoryLayout<svs_handover>.size] == 0x45)
  }

  /// Both ends send segments that fit either link.
  @Test(arguments: [false, true], [[UInt8](), [1], [1, 1, 1]])
  func segmentsAreLimited(six: Bool, before: [UInt8]) {
    state.routes.append(
      MemoryRoute(
        family: six ? 2 : 10, prefix: TestAddress(six ? "10.0.0.0" : "fd00:a::").value, length: 24, ifindex: 2,
        mtu: 1400))
    func segment(_ packet: TestPacket) -> (Int, Bool) {
      var packet = packet
      // The options, and then data: what stands in front of the payload says where one ends and the other begins.
      packet.payload = before + [2, 4, 5, 0xb4] + [UInt8](repeating: 0, count: 4 - before.count % 4)
      var bytes = packet.bytes
      let transport = packet.source.isIPv6 ? 54 : 34
      bytes[transport + 12] = 0x70
      // The sum over a byte that changes: both halves of its word.
      let sum = UInt32(~(UInt16(bytes[transport + 16]) << 8 | UInt16(bytes[transport + 17]))) + 0x2000
      let folded = ~UInt16((sum & 0xffff) + (sum >> 16))
      (bytes[transport + 16], bytes[transport + 17]) = (UInt8(folded >> 8), UInt8(folded & 255))
      let (verdict, frame) = state.process(bytes)
      guard verdict == .redirect else { return (0, false) }
      let at = (frame[12] == 0x86 ? 54 : 34) + 20 + before.count + 2
      lastFrame = frame
      return (Int(frame[at]) << 8 | Int(frame[at + 1]), TestFragments.sumsHold(frame))
    }
    var lastFrame: [UInt8] = []
    let (offered, holds) = segment(request(six: six, proto: 6))
    // The server sends no more than its link takes, and the client what that becomes.
    #expect(offered == (six ? 1360 : 1340) && holds)
    let (answered, stillHolds) = segment(reply(to: lastFrame, proto: 6))
    #expect(answered == (six ? 1360 : 1340) && stillHolds)
  }

  // MARK: Fragments

  @Test(arguments: [false, true])
  func fragmentsCross(six: Bool) {
    let whole = request(six: six, size: 3000, fragment: 0).bytes
    let pieces = TestFragments.cut(whole, every: 1200)
    let out = pieces.map { state.process($0) }
    #expect(out.allSatisfy { $0.0 == .redirect })
    let joined = TestFragments.join(out.map(\.1))
    #expect(TestFragments.sumsHold(joined) && joined.suffix(3000) == whole.suffix(3000)[...])
    for (_, frame) in out {
      #expect(Seen(frame).headerHolds && Seen(frame).length == frame.count - 14)
      #expect(
        six
          ? frame[18..<20] == out[0].1[18..<20] && frame[20] & 0x40 == 0
          : frame[20] == 44 && frame[54] == 17 && frame[58..<62] == out[0].1[58..<62])
    }
    #expect(events(.fragment) == 0)
  }

  @Test func fragmentsThatCannotCrossAreCountedAndFewAreTold() {
    var packet = request(six: false, size: 3000, fragment: 0)
    var pieces = TestFragments.cut(packet.bytes, every: 1480)
    // Those that are too big on the other side are cut once more.
    for piece in pieces[..<2] {
      let (verdict, frame) = state.process(piece)
      let note = frame[14...].withUnsafeBytes { $0.loadUnaligned(as: svs_handover.self) }
      #expect(verdict == .redirect && note.magic == UInt32(SVS_HANDOVER_MAGIC) && note.mtu == 1472)
      #expect(frame[(14 + MemoryLayout<svs_handover>.size)...] == piece[14...])
    }
    #expect(state.process(pieces[2]).0 == .redirect && events(.fragment) == 0)

    packet.checksum = .zero
    packet.sourcePort = 7
    pieces = TestFragments.cut(packet.bytes, every: 1200)
    #expect(state.process(pieces[0]).0 == .drop && events(.crossingDropped) == 1)
  }

  // MARK: Errors

  /// Type, code, and what stands behind the checksum, as RFC 7915 maps them.
  @Test(arguments: [
    ErrorCase(3, 0, becomes: (1, 0)), ErrorCase(3, 1, becomes: (1, 0)), ErrorCase(3, 2, becomes: (4, 1), 6),
    ErrorCase(3, 3, becomes: (1, 4)), ErrorCase(3, 4, 1400, becomes: (2, 0), 1420),
    ErrorCase(3, 4, 576, becomes: (2, 0), 1280), ErrorCase(3, 4, 0, becomes: (2, 0), 1280),
    ErrorCase(3, 10, becomes: (1, 1)), ErrorCase(3, 13, becomes: (1, 1)), ErrorCase(3, 14, becomes: nil),
    ErrorCase(4, 0, becomes: nil), ErrorCase(11, 0, becomes: (3, 0)), ErrorCase(11, 1, becomes: (3, 1)),
  ])
  func errorsOfIPv4BecomeThoseOfIPv6(_ error: ErrorCase) { check(error, clientIsIPv6: true) }

  @Test(arguments: [
    ErrorCase(1, 0, becomes: (3, 1)), ErrorCase(1, 1, becomes: (3, 10)), ErrorCase(1, 3, becomes: (3, 1)),
    ErrorCase(1, 4, becomes: (3, 3)), ErrorCase(1, 5, becomes: nil), ErrorCase(2, 0, 1400, becomes: (3, 4), 1380),
    ErrorCase(3, 0, becomes: (11, 0)), ErrorCase(4, 0, 6, becomes: (12, 0), 9 << 24),
    ErrorCase(4, 1, 40, becomes: (3, 2)), ErrorCase(4, 2, becomes: nil),
  ])
  func errorsOfIPv6BecomeThoseOfIPv4(_ error: ErrorCase) { check(error, clientIsIPv6: false) }

  private func check(_ error: ErrorCase, clientIsIPv6 six: Bool) {
    let packet = request(six: six, size: 900)
    let sent = state.process(packet.bytes).1
    let router = TestAddress(six ? "10.77.0.9" : "fd00:77::9")
    let (verdict, frame) = state.process(error.bytes(from: router, about: sent))
    guard let (type, code) = error.expected else {
      #expect(verdict == .drop && events(.errorDropped) == 1)
      return
    }
    #expect(verdict == .redirect && events(.errorForwarded) == 1)
    let seen = Seen(frame)
    let icmp = six ? 54 : 34
    #expect(seen.source == packet.destination && seen.destination == packet.source)
    #expect(seen.next == (six ? 58 : 1) && seen.ttl == 59 && seen.headerHolds && seen.length == frame.count - 14)
    #expect(Array(frame[icmp..<icmp + 2]) == [type, code])
    let rest = frame[icmp + 4..<icmp + 8].reduce(0) { $0 << 8 | UInt32($1) }
    #expect(rest == error.newRest)
    let message = Array(frame[icmp...])
    if six {
      #expect(TestFragments.sumsHold(frame))
    } else {
      #expect(internetChecksum(message) == 0)
    }
    // The quote is what the client sent, as far as it goes.
    let quote = [UInt8](repeating: 0, count: 14) + message.dropFirst(8)
    let quoted = Seen(six ? [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x86, 0xdd] + quote[14...] : quote)
    #expect(quoted.source == packet.source && quoted.destination == packet.destination)
    #expect(quoted.sourcePort == packet.sourcePort && quoted.destinationPort == 80)
    #expect(quoted.length == packet.bytes.count - 14 && quoted.next == 17 && quoted.headerHolds)
    // Even its checksum.
    let udp = 8 + (six ? 40 : 20)
    #expect(message[udp...] == packet.bytes[(six ? 54 : 34)...].prefix(message.count - udp))
  }
}

/// An ICMP error, and what it is to become.
struct ErrorCase: Sendable, CustomStringConvertible {
  var type: UInt8
  var code: UInt8
  var rest: UInt32
  var expected: (UInt8, UInt8)?
  var newRest: UInt32

  init(_ type: UInt8, _ code: UInt8, _ rest: UInt32 = 0, becomes: (UInt8, UInt8)?, _ newRest: UInt32 = 0) {
    self.type = type
    self.code = code
    self.rest = rest
    expected = becomes
    self.newRest = newRest
  }

  var description: String { "\(type)/\(code) \(rest)" }

  func bytes(from router: TestAddress, about sent: [UInt8]) -> [UInt8] {
    let six = router.isIPv6
    let seen = Seen(sent)
    var message = [type, code, 0, 0] + (0..<4).map { UInt8(truncatingIfNeeded: rest >> UInt32(24 - 8 * $0)) }
    message += sent[14...].prefix(six ? 1232 : 548)
    let size = [UInt8(message.count >> 8), UInt8(message.count & 255)]
    let target = seen.source.bytes
    let sum = internetChecksum((six ? router.bytes + target + [0, 58] + size : []) + message)
    (message[2], message[3]) = (UInt8(sum >> 8), UInt8(sum & 255))
    let frame: [UInt8] = [2, 0, 0, 0, 0, 0xd0, 2, 0, 0, 0, 0, 0xc0]
    if six { return frame + [0x86, 0xdd, 0x60, 0, 0, 0] + size + [58, 60] + router.bytes + target + message }
    let total = message.count + 20
    var header: [UInt8] = [0x45, 0, UInt8(total >> 8), UInt8(total & 255), 0, 9, 0, 0, 60, 1, 0, 0]
    header += router.bytes + target
    let check = internetChecksum(header)
    (header[10], header[11]) = (UInt8(check >> 8), UInt8(check & 255))
    return frame + [8, 0] + header + message
  }
}
