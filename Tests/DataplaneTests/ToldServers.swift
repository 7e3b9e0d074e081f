import DataplaneSimulation
import DataplaneTesting
import DataplaneTypes
import Testing

@testable import Dataplane

/// A FULLNAT service in memory whose server is told of its clients, and segments to and from it.
final class ToldServers {
  let state = MemoryPlatform.State(capacity: 64)
  let six: Bool
  /// Whether the server's address is of IPv6.
  let isServerSix: Bool
  let service: UInt32
  var client: TestAddress
  let vip: TestAddress
  let rip: TestAddress
  let local: TestAddress
  /// The director's port of the connection, known with its first segment.
  var localPort: UInt16 = 0
  var clientPort: UInt16 = 40_000

  /// - Parameter crosses: whether the server is of the other address family.
  init(_ disclosure: UInt32, six: Bool = false, crosses: Bool = false, mtu: UInt16 = 1500) throws {
    self.six = six
    isServerSix = six != crosses
    client = TestAddress(six ? "fd01::1234:abcd" : "10.1.0.203")
    vip = TestAddress(six ? "fd09::1" : "10.9.9.1")
    rip = TestAddress(isServerSix ? "fd02::11" : "10.2.0.11")
    local = TestAddress(isServerSix ? "fd02::1" : "10.2.0.1")
    let family = vip.family
    for index in UInt32(1)...2 {
      _ = state.devices.replace(
        index, svs_device(flags: UInt32(SVS_DEVICE_REDIRECT), lower: index, vlan: 0, reserved: 0))
    }
    for family in Set([family, rip.family]) {
      state.routes.append(MemoryRoute(family: family, prefix: svs_addr(), length: 0, ifindex: 2, mtu: mtu))
    }
    service = state.addService(
      svs_service_key(vip: vip.value, port: UInt16(80).bigEndian, proto: 6, family: family),
      scheduler: RoundRobin.number)
    var server = svs_server()
    server.addr = rip.value
    server.port = UInt16(8080).bigEndian
    server.family = rip.family
    server.method = Method.fullNAT
    server.weight = 1
    server.local = 1
    state.addServer(server, to: service)
    let range = try #require(state.localRanges.find(0))
    range.pointee.first = local.value
    range.pointee.family = local.family
    range.pointee.status = UInt8(SVS_LIVE)
    range.pointee.first_port = 5000
    range.pointee.ports = 100
    try #require(state.serviceRecords.find(service)).pointee.disclosure = disclosure
  }

  func events(_ event: Event) -> UInt64 { state.events.find(event.rawValue)?.pointee.packets ?? 0 }

  /// What the server gets of a client's segment, or the answer that the client gets; nil where it is dropped.
  func send(_ segment: Segment) -> Segment? {
    var segment = segment
    (segment.source, segment.sourcePort) = (client, clientPort)
    (segment.destination, segment.destinationPort) = (vip, 80)
    let (verdict, frame) = state.process(segment.frame)
    guard verdict == .redirect, let out = Segment(frame) else { return nil }
    localPort = out.sourcePort
    return out
  }

  /// What the client gets of a router's word that a segment on its way to the server is too big.
  func tooBig(_ segment: Segment, mtu: Int) -> [UInt8]? {
    let packet = Array(segment.frame[14...])
    let router = TestAddress(isServerSix ? "fd02::99" : "10.2.0.99").bytes
    var message: [UInt8] = isServerSix ? [2, 0, 0, 0] : [3, 4, 0, 0]
    message += [0, 0, UInt8(mtu >> 8), UInt8(mtu & 255)] + packet.prefix(isServerSix ? 200 : 28)
    let size = [UInt8(message.count >> 8), UInt8(message.count & 255)]
    let sum = internetChecksum((isServerSix ? router + local.bytes + [0, 58] + size : []) + message)
    (message[2], message[3]) = (UInt8(sum >> 8), UInt8(sum & 255))
    var frame: [UInt8] = [2, 0, 0, 0, 0, 0xd0, 2, 0, 0, 0, 0, 0xc0]
    if isServerSix {
      frame += [0x86, 0xdd, 0x60, 0, 0, 0] + size + [58, 64] + router + local.bytes + message
    } else {
      let length = message.count + 20
      var header: [UInt8] = [0x45, 0, UInt8(length >> 8), UInt8(length & 255), 0, 1, 0, 0, 64, 1, 0, 0]
      header += router + local.bytes
      let check = internetChecksum(header)
      (header[10], header[11]) = (UInt8(check >> 8), UInt8(check & 255))
      frame += [8, 0] + header + message
    }
    let (verdict, out) = state.process(frame, ingress: 2)
    return verdict == .redirect ? Array(out[14...]) : nil
  }

  /// What the client gets of the server's segment.
  func reply(_ segment: Segment) -> Segment? {
    var segment = segment
    (segment.source, segment.sourcePort) = (rip, 8080)
    (segment.destination, segment.destinationPort) = (local, localPort)
    let (verdict, frame) = state.process(segment.frame, ingress: 2)
    return verdict == .redirect ? Segment(frame) : nil
  }
}

/// A TCP segment, as a frame and in parts.
struct Segment {
  var source = TestAddress("10.1.0.1")
  var destination = TestAddress("10.9.9.1")
  var sourcePort: UInt16 = 1
  var destinationPort: UInt16 = 2
  var sequence: UInt32 = 0
  var acknowledged: UInt32 = 0
  var flags: TCPFlags = .ack
  var window: UInt16 = 64_240
  var urgent: UInt16 = 0
  /// A multiple of four bytes.
  var options: [UInt8] = []
  var data: [UInt8] = []

  init(
    _ flags: TCPFlags, sequence: UInt32, acknowledged: UInt32 = 0, options: [UInt8] = [], data: [UInt8] = []
  ) {
    self.flags = flags
    self.sequence = sequence
    self.acknowledged = acknowledged
    self.options = options
    self.data = data
  }

  /// Reads a frame; its checksums and lengths are expected to be right.
  init?(_ frame: [UInt8]) {
    let six = frame[12] == 0x86
    let header = six ? 40 : 20
    let length =
      six ? 40 + (Int(frame[18]) << 8 | Int(frame[19])) : Int(frame[16]) << 8 | Int(frame[17])
    let packet = Array(frame[14...].prefix(length))
    guard packet.count == length, length >= header + 20, (six ? packet[6] : packet[9]) == 6 else { return nil }
    if !six { #expect(internetChecksum(Array(packet[..<20])) == 0, "the header's checksum") }
    let addresses = six ? Array(packet[8..<40]) : Array(packet[12..<20])
    source = TestAddress(bytes: Array(addresses.prefix(addresses.count / 2)))
    destination = TestAddress(bytes: Array(addresses.suffix(addresses.count / 2)))
    let segment = Array(packet[header...])
    let pseudo = addresses + [0, 6, UInt8(segment.count >> 8), UInt8(segment.count & 255)]
    #expect(internetChecksum(pseudo + segment) == 0, "the segment's checksum")
    sourcePort = UInt16(segment[0]) << 8 | UInt16(segment[1])
    destinationPort = UInt16(segment[2]) << 8 | UInt16(segment[3])
    sequence = Self.word(segment, 4)
    acknowledged = Self.word(segment, 8)
    let end = Int(segment[12] >> 4) * 4
    guard end >= 20, end <= segment.count else { return nil }
    flags = TCPFlags(rawValue: segment[13])
    window = UInt16(segment[14]) << 8 | UInt16(segment[15])
    urgent = UInt16(segment[18]) << 8 | UInt16(segment[19])
    options = Array(segment[20..<end])
    data = Array(segment[end...])
  }

  static func word(_ bytes: [UInt8], _ at: Int) -> UInt32 {
    bytes[at..<at + 4].reduce(0) { $0 << 8 | UInt32($1) }
  }

  static func bytes(_ word: UInt32) -> [UInt8] {
    [UInt8(word >> 24), UInt8(word >> 16 & 255), UInt8(word >> 8 & 255), UInt8(word & 255)]
  }

  var frame: [UInt8] {
    var segment: [UInt8] = [
      UInt8(sourcePort >> 8), UInt8(sourcePort & 255), UInt8(destinationPort >> 8), UInt8(destinationPort & 255),
    ]
    segment += Self.bytes(sequence) + Self.bytes(acknowledged)
    segment += [UInt8((20 + options.count) / 4) << 4, flags.rawValue, UInt8(window >> 8), UInt8(window & 255), 0, 0]
    segment += [UInt8(urgent >> 8), UInt8(urgent & 255)] + options + data
    let addresses = source.bytes + destination.bytes
    let sum = internetChecksum(addresses + [0, 6, UInt8(segment.count >> 8), UInt8(segment.count & 255)] + segment)
    (segment[16], segment[17]) = (UInt8(sum >> 8), UInt8(sum & 255))
    let link: [UInt8] = [2, 0, 0, 0, 0, 0xd0, 2, 0, 0, 0, 0, 0xc0]
    if source.isIPv6 {
      let size = [UInt8(segment.count >> 8), UInt8(segment.count & 255)]
      return link + [0x86, 0xdd, 0x60, 0, 0, 0] + size + [6, 64] + addresses + segment
    }
    let size = segment.count + 20
    var header: [UInt8] = [0x45, 0, UInt8(size >> 8), UInt8(size & 255), 0, 1, 0x40, 0, 64, 6, 0, 0]
    header += addresses
    let check = internetChecksum(header)
    (header[10], header[11]) = (UInt8(check >> 8), UInt8(check & 255))
    return link + [8, 0] + header + segment
  }
}
