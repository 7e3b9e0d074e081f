import BenchTypes
import Netlink

/// Which frames a run sends: so many flows, to one service or to many.
struct FramePlan {
  enum Transport: UInt8 { case tcp = 6, udp = 17 }

  var family = IPAddress.Family.ipv4
  var transport = Transport.tcp
  var flows = 1_000
  var services = 1
  /// The first service's address; that of the real server for replies.
  var service: IPAddress
  var port: UInt16 = 80
  var flags = TCPFlag.ack
  var replies = false
  /// Of the director's device.
  var mac: [UInt8] = [2, 0, 0, 0, 0, 1]
  /// The device that live frames leave by.
  var device: UInt32 = 0

  enum TCPFlag {
    static let syn: UInt8 = 2
    static let ack: UInt8 = 16
  }

  /// Where the flows come from: an address for every 16,384 of them.
  static func firstClient(_ family: IPAddress.Family) -> IPAddress {
    let text = family == .ipv4 ? "10.100.0.1" : "fd00:1::1"
    guard let address = IPAddress(text) else { preconditionFailure("\(text) is an address") }
    return address
  }

  /// Bytes of a frame: the headers and ten bytes more.
  var length: Int { 14 + (family == .ipv4 ? 20 : 40) + (transport == .tcp ? 20 : 8) + 10 }

  var record: svs_bench_plan {
    var plan = svs_bench_plan()
    plan.client = svs_addr(Self.firstClient(family))
    plan.service = svs_addr(service)
    plan.flows = UInt32(flows)
    plan.services = UInt32(services)
    plan.ifindex = device
    plan.port = port.bigEndian
    plan.proto = transport.rawValue
    plan.family = family.rawValue
    plan.tcp_flags = flags
    plan.replies = replies ? 1 : 0
    plan.mac = (mac[0], mac[1], mac[2], mac[3], mac[4], mac[5])
    plan.length = UInt16(length)
    return plan
  }
}

extension svs_addr {
  init(_ address: IPAddress) {
    self.init(w0: address.words.0, w1: address.words.1, w2: address.words.2, w3: address.words.3)
  }
}
