import Dataplane
import DataplaneSimulation
import DataplaneTesting
import DataplaneTypes
import Foundation
import Testing

/// Clients and servers around a director in memory: they say what TCP says, and tell who answered.
final class ClientsAndServers {
  let state = MemoryPlatform.State()
  private var vip = TestAddress("10.9.9.1")
  private var port: UInt16 = 80
  private var service: UInt32 = 0
  private var servers: [String: UInt32] = [:]
  private var nextPort: UInt16 = 20_000

  init() {
    for index in UInt32(1)...2 {
      _ = state.devices.replace(
        index, svs_device(flags: UInt32(SVS_DEVICE_REDIRECT), lower: index, vlan: 0, reserved: 0))
    }
    for family in [UInt8(2), 10] {
      state.routes.append(MemoryRoute(family: family, prefix: svs_addr(), length: 0, ifindex: 2))
    }
  }

  /// Takes a line of ipvsadm's, as far as the records use it.
  func configure(_ line: String) throws {
    let words = line.split(separator: " ").map(String.init)
    func value(_ option: String) -> String? {
      words.firstIndex(of: option).flatMap { $0 + 1 < words.count ? words[$0 + 1] : nil }
    }
    switch words.first {
    case "-A":
      (vip, port) = try endpoint(#require(value("-t")))
      let key = svs_service_key(vip: vip.value, port: port.bigEndian, proto: 6, family: vip.family)
      service = state.addService(
        key, scheduler: schedulerNumber(value("-s") ?? "wlc"), flags: schedulerFlags(value("-b")))
    case "-a":
      let text = try #require(value("-r"))
      let (address, realPort) = try endpoint(text)
      var record = svs_server()
      record.addr = address.value
      record.port = realPort.bigEndian
      record.family = address.family
      record.weight = Int32(value("-w") ?? "1") ?? 1
      record.upper = UInt32(value("-x") ?? "0") ?? 0
      record.lower = UInt32(value("-y") ?? "0") ?? 0
      servers[text] = state.addServer(record, to: service)
    default:
      Issue.record("what is \(line)?")
    }
  }

  private func schedulerFlags(_ text: String?) -> UInt8 {
    (text ?? "").split(separator: ",").reduce(0) { $0 | ($1.hasSuffix("-fallback") ? 1 : 2) }
  }

  private func endpoint(_ text: String) throws -> (TestAddress, UInt16) {
    let colon = try #require(text.lastIndex(of: ":"))
    let host = text[..<colon].filter { $0 != "[" && $0 != "]" }
    return (TestAddress(host), try #require(UInt16(text[text.index(after: colon)...])))
  }

  /// Opens a connection, ends it as told, and returns who answered it, as the records write it.
  func connect(from source: String, then: String) -> String {
    nextPort += 1
    var request = TestPacket()
    request.source = TestAddress(source)
    request.sourcePort = nextPort
    request.destination = vip
    request.destinationPort = port
    request.fragment = 0x4000
    let (verdict, frame) = state.process(request.bytes)
    guard verdict == .redirect, let (server, serverPort) = destination(frame) else { return "REFUSED" }
    func fromClient(_ flags: UInt8) {
      request.flags = TCPFlags(rawValue: flags)
      _ = state.process(request.bytes)
    }
    func fromServer(_ flags: UInt8) {
      var reply = TestPacket()
      reply.source = server
      reply.sourcePort = serverPort
      reply.destination = request.source
      reply.destinationPort = nextPort
      reply.flags = TCPFlags(rawValue: flags)
      _ = state.process(reply.bytes)
    }
    let (fin, syn, rst, ack) = (UInt8(0x11), UInt8(2), UInt8(4), UInt8(16))
    fromServer(syn | ack)
    fromClient(ack)
    switch then {
    case "close":
      fromClient(fin)
      fromServer(fin)
      fromClient(ack)
    case "rst": fromClient(rst)
    default: break
    }
    let host = IPText.text(server)
    return server.isIPv6 ? "[\(host)]:\(serverPort)" : "\(host):\(serverPort)"
  }

  /// Where a frame without tags is addressed to; nil if it is the answer of a director that has no server.
  private func destination(_ frame: [UInt8]) -> (TestAddress, UInt16)? {
    let v6 = frame[12] == 0x86
    let proto = v6 ? frame[20] : frame[23]
    guard proto == 6 else { return nil }
    let at = v6 ? 38 : 30
    let address = TestAddress(bytes: Array(frame[at..<at + (v6 ? 16 : 4)]))
    let transport = v6 ? 54 : 34
    return (address, UInt16(frame[transport + 2]) << 8 | UInt16(frame[transport + 3]))
  }
}

/// Addresses as inet_ntop(3) writes them.
enum IPText {
  /// Every `step`-th address of a range, both ends included.
  static func range(from first: TestAddress, to last: TestAddress, by step: Int) -> [String] {
    var texts: [String] = []
    var bytes = first.bytes
    while bytes.lexicographicallyPrecedes(last.bytes) || bytes == last.bytes {
      texts.append(text(TestAddress(bytes: bytes)))
      var carry = step
      for i in bytes.indices.reversed() where carry > 0 {
        carry += Int(bytes[i])
        bytes[i] = UInt8(carry & 255)
        carry >>= 8
      }
    }
    return texts
  }

  static func text(_ address: TestAddress) -> String {
    var buffer = [CChar](repeating: 0, count: 64)
    var bytes = address.bytes
    inet_ntop(address.isIPv6 ? AF_INET6 : AF_INET, &bytes, &buffer, 64)
    return String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}
