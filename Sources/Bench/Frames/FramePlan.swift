import BenchTypes
import Netlink

/// Which frames a run sends: so many flows, to one service or to many.
struct FramePlan {
  enum Transport: UInt8 { case tcp = 6, udp = 17 }

  enum TCPFlag {
    static let syn: UInt8 = 2
    static let ack: UInt8 = 16
  }

  var transport = Transport.tcp
  var flows = 1_000
  /// The flow of the first frame; the others follow, and after the last the first of all.
  var first = 0
  var services = 1
  /// The first service's address; that of the real server for replies.
  var service: IPAddress
  var port: UInt16 = 80
  /// Where the flows come from; the first of their addresses.
  var client: IPAddress
  /// From where the servers see them come, if the director shows its own addresses.
  var arriving: IPAddress?
  var flags = TCPFlag.ack
  var replies = false
  /// Of the director's device.
  var mac: [UInt8] = [2, 0, 0, 0, 0, 1]
  /// The device that live frames leave by.
  var device: UInt32 = 0
  /// Whether the receiver notes which flows arrive, and where.
  var marks = false

  init(service: IPAddress, port: UInt16 = 80) {
    self.service = service
    self.port = port
    client = Self.firstClient(service.family)
  }

  var family: IPAddress.Family { service.family }

  /// Of each client's address.
  static let firstPort = UInt16(SVS_BENCH_FIRST_PORT)
  static let flowsPerAddress = UInt16(SVS_BENCH_FLOWS_PER_ADDRESS)

  /// Bytes of a frame; the payload fills it up.
  var length: Int { Int(family == .ipv4 ? SVS_BENCH_IPV4_FRAME : SVS_BENCH_IPV6_FRAME) }

  /// Where the flows come from: an address for every 16,384 of them.
  static func firstClient(_ family: IPAddress.Family) -> IPAddress {
    let text = family == .ipv4 ? "10.100.0.1" : "fd00:1::1"
    guard let address = IPAddress(text) else { preconditionFailure("\(text) is an address") }
    return address
  }

  /// The plan as the kernel's side takes it.
  var record: svs_bench_plan {
    let head = Head(self)
    var plan = svs_bench_plan()
    withUnsafeMutableBytes(of: &plan.head) { $0.copyBytes(from: head.bytes) }
    plan.network_sum = head.networkSum
    plan.transport_sum = head.transportSum
    plan.client = client.lastWord
    plan.arriving = (arriving ?? client).lastWord
    plan.service = service.lastWord
    plan.flows = UInt32(flows)
    plan.next = UInt32(first)
    plan.services = UInt32(services)
    plan.ifindex = device
    plan.proto = transport.rawValue
    plan.family = family.rawValue
    plan.replies = replies ? 1 : 0
    plan.marks = marks ? 1 : 0
    plan.length = UInt16(length)
    return plan
  }
}

/// The headers of a plan's frames, with zeros where a flow puts its own, and the sums over all the rest.
private struct Head {
  private(set) var bytes: [UInt8] = []
  private(set) var networkSum: UInt64 = 0
  private(set) var transportSum: UInt64 = 0

  init(_ plan: FramePlan) {
    let client = plan.client.bytesWithoutLastWord
    let service = plan.service.bytesWithoutLastWord
    let addresses = plan.replies ? service + client : client + service
    let four = plan.family == .ipv4
    let network = plan.length - 14
    let segment = network - (four ? 20 : 40)

    bytes = plan.mac + [2, 0, 0, 0, 0xbe, 0xef] + (four ? [0x08, 0x00] : [0x86, 0xdd])
    if four {
      let header: [UInt8] = [0x45, 0] + word(network) + [0, 0, 0, 0, 64, plan.transport.rawValue, 0, 0] + addresses
      networkSum = Self.sum(header)
      bytes += header
    } else {
      bytes += [0x60, 0, 0, 0] + word(segment) + [plan.transport.rawValue, 64] + addresses
    }
    let ports = plan.replies ? word(Int(plan.port)) + [0, 0] : [0, 0] + word(Int(plan.port))
    let header: [UInt8] =
      switch plan.transport {
      case .tcp: ports + [0, 0, 0, 0, 0, 0, 0, 0, 0x50, plan.flags, 0x20, 0, 0, 0, 0, 0]
      case .udp: ports + word(segment) + [0, 0]
      }
    transportSum = Self.sum(addresses + [0, plan.transport.rawValue] + word(segment) + header)
    bytes += header
    bytes += [UInt8](repeating: 0, count: plan.length - bytes.count)
  }

  /// Sixteen-bit words as they stand in memory (RFC 1071).
  private static func sum(_ bytes: [UInt8]) -> UInt64 {
    stride(from: 0, to: bytes.count, by: 2).reduce(0) { $0 + UInt64(bytes[$1]) + UInt64(bytes[$1 + 1]) << 8 }
  }
}

/// A number in network byte order.
private func word(_ value: Int) -> [UInt8] {
  [UInt8(truncatingIfNeeded: value >> 8), UInt8(truncatingIfNeeded: value)]
}

extension IPAddress {
  fileprivate var lastWord: UInt32 { (family == .ipv4 ? words.0 : words.3).bigEndian }

  fileprivate var bytesWithoutLastWord: [UInt8] { bytes.dropLast(4) + [0, 0, 0, 0] }
}
