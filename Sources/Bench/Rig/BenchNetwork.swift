import Glibc
import HostSystem
import Lab
import Netlink

/// client (c0) - (d0) director (d1) - (r0) servers: the smallest network that a director can stand in.
///
/// The servers' host has the addresses of ten real servers. VIPs are all of 10.9.0.0/16 and fd00:9::/64.
struct BenchNetwork: ~Copyable {
  let lab: Lab
  let programs: String

  static let devices = ["d0", "d1"]
  static let directorMAC: [UInt8] = [2, 0, 0, 0, 0xbe, 0xd0]
  static let backMAC: [UInt8] = [2, 0, 0, 0, 0xbe, 0xd1]
  private static let clientMAC: [UInt8] = [2, 0, 0, 0, 0xbe, 0xc0]
  private static let serversMAC: [UInt8] = [2, 0, 0, 0, 0xbe, 0xa0]

  /// - Parameter programs: the folder of `svs` and `ipvsadm`.
  init(programs: String) throws(BenchError) {
    self.programs = programs
    let lab = try building { () throws(LabError) in try Lab(Self.topology) }
    try Self.settleNeighbours(lab)
    self.lab = lab
  }

  /// Replayed frames go nowhere, so that nobody would ever ask for a neighbour: all are set for good.
  private static func settleNeighbours(_ lab: borrowing Lab) throws(BenchError) {
    let neighbours =
      [("d0", "192.168.1.2"), ("d0", "fd00:c::2")].map { ($0.0, literal($0.1), clientMAC) }
      + [IPAddress.Family.ipv4, .ipv6].flatMap { family in
        (1...10).map { ("d1", server($0, family), serversMAC) }
      }
    try inside("director", of: lab) { () throws(BenchError) in
      do throws(NetlinkError) {
        let socket = try NetlinkSocket()
        for (device, address, mac) in neighbours {
          guard let mac = MACAddress(bytes: mac) else { preconditionFailure("a MAC has six bytes") }
          try socket.addPermanentNeighbour(address, mac: mac, interfaceIndex: if_nametoindex(device))
        }
      } catch { throw .lab(.network(error, host: "director")) }
    }
  }

  static func server(_ number: Int, _ family: IPAddress.Family) -> IPAddress {
    literal(family == .ipv4 ? "10.0.0.\(10 + number)" : "fd00:a::\(10 + number)")
  }

  static func vip(_ family: IPAddress.Family) -> IPAddress { literal(family == .ipv4 ? "10.9.0.1" : "fd00:9::1") }

  private static func literal(_ text: String) -> IPAddress {
    guard let address = IPAddress(text) else { preconditionFailure("\(text) is an address") }
    return address
  }

  private static func prefix(_ text: String) -> IPPrefix {
    guard let prefix = IPPrefix(text) else { preconditionFailure("\(text) is a prefix") }
    return prefix
  }

  private static func macs(_ bytes: [String: [UInt8]]) -> [String: MACAddress] {
    bytes.compactMapValues { MACAddress(bytes: $0) }
  }

  private static var topology: Topology {
    let client = Topology.Host(
      "client", macs: macs(["c0": clientMAC]),
      addresses: [.init("c0", prefix("192.168.1.2/24")), .init("c0", prefix("fd00:c::2/64"))],
      routes: [
        // The clients that frames and sockets come from.
        .init(to: prefix("10.100.0.0/16"), interface: "lo", isLocal: true),
        .init(to: prefix("0.0.0.0/0"), via: literal("192.168.1.1")),
        .init(to: prefix("::/0"), via: literal("fd00:c::1")),
      ])
    let director = Topology.Host(
      "director", forwards: true,
      macs: macs(["d0": directorMAC, "d1": backMAC]),
      addresses: [
        .init("d0", prefix("192.168.1.1/24")), .init("d0", prefix("fd00:c::1/64")),
        .init("d1", prefix("10.0.0.1/24")), .init("d1", prefix("fd00:a::1/64")),
      ],
      routes: [
        .init(to: prefix("10.9.0.0/16"), interface: "lo", isLocal: true),
        .init(to: prefix("fd00:9::/64"), interface: "lo", isLocal: true),
        .init(to: prefix("10.100.0.0/16"), via: literal("192.168.1.2")),
        .init(to: prefix("fd00:1::/64"), via: literal("fd00:c::2")),
      ])
    let servers = Topology.Host(
      "servers", macs: macs(["r0": serversMAC]),
      addresses: (1...10).flatMap {
        [
          Topology.Address("r0", IPPrefix(server($0, .ipv4), length: 24)),
          Topology.Address("r0", IPPrefix(server($0, .ipv6), length: 64)),
        ]
      },
      routes: [
        .init(to: prefix("0.0.0.0/0"), via: literal("10.0.0.1")), .init(to: prefix("::/0"), via: literal("fd00:a::1")),
      ])
    return Topology(
      hosts: [client, director, servers],
      links: [
        Topology.Link(.init("client", "c0"), .init("director", "d0")),
        Topology.Link(.init("director", "d1"), .init("servers", "r0")),
      ])
  }

  // MARK: Commands on the director

  /// Attaches a director with room for so many connections.
  func attach(connections: Int) throws(BenchError) {
    try command(["\(programs)/svs", "attach", "--connections", "\(connections)"] + Self.devices)
  }

  func detach() throws(BenchError) { try command(["\(programs)/svs", "detach"]) }

  func ipvsadm(_ words: String) throws(BenchError) {
    try command(["\(programs)/ipvsadm"] + words.split(separator: " ").map(String.init))
  }

  /// Loads rules and says how many seconds it took.
  func restore(_ rules: String) throws(BenchError) -> Double {
    let started = Clock.now
    try command(["\(programs)/ipvsadm", "-R"], input: Array(rules.utf8))
    return Clock.seconds(since: started)
  }

  @discardableResult
  func command(_ words: [String], input: [UInt8] = []) throws(BenchError) -> String {
    let result = try building { () throws(LabError) in
      try lab.exec("director", words, input: input, timeout: .seconds(120))
    }
    guard result.succeeded else {
      let said = (result.errors + result.output).trimmingSuffix()
      throw .command(words, said: said)
    }
    return result.output
  }

  /// Runs a closure with the calling thread in a host's namespace.
  func inside<R>(_ host: String, _ body: () throws(BenchError) -> R) throws(BenchError) -> R {
    try Self.inside(host, of: lab, body)
  }

  private static func inside<R>(
    _ host: String, of lab: borrowing Lab, _ body: () throws(BenchError) -> R
  ) throws(BenchError) -> R {
    let result: Result<R, BenchError>
    do {
      result = try lab.inside(host) { Result { () throws(BenchError) in try body() } }
    } catch let error as LabError {
      throw .lab(error)
    } catch {
      throw .invalid("\(error)")
    }
    return try result.get()
  }
}

extension String {
  fileprivate func trimmingSuffix() -> String {
    var text = Substring(self)
    while text.last?.isWhitespace == true { text.removeLast() }
    return String(text)
  }
}

/// The monotonic clock.
enum Clock {
  /// Nanoseconds.
  static var now: UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  static func seconds(since start: UInt64) -> Double { Double(now - start) / 1e9 }
}
