import CSystem
import Glibc
import HostSystem
import Lab
import Netlink

/// Small UDP packets from the client to the servers, by one way after the other.
///
/// The sender, two bridges and the servers' sockets cost the same in every line, so that a line says less about the
/// director alone than `make bench` does.
enum Speed {
  fileprivate static let port: UInt16 = 9000
  private static let flows = 64
  /// With its headers a frame of the least size, 60 bytes.
  private static let payload: UInt32 = 18
  /// The best of a few short runs: what else the machine does only ever makes a run slower.
  private static let runs = 5
  private static let duration = Duration.milliseconds(250)

  static func compare(_ stage: borrowing Stage, _ methods: [Method]) throws(DemoError) {
    guard let nat = methods.first(where: { $0.option == "-m" }), let first = nat.servers.first else { return }
    print("Speed: UDP frames of 60 bytes, \(flows) flows, one sender; how many reach the servers in a second,")
    print("all of it on this machine: the sender, the switches and the servers take their part of every packet.\n")
    let sinks = try Sinks(stage)
    try stage.runQuietly(["svs", "detach"])
    report("routing, no balancing", try measure(stage, sinks, to: first))
    try stage.run("director", ["nft", "-f", "-"], input: translation(nat))
    let peer = try measure(stage, sinks, to: nat.vip)
    report("nftables DNAT", peer)
    try stage.run("director", ["nft", "delete", "table", "ip", "demo"])
    for method in methods {
      for command in method.commands(transport: "-u", port: port, serverPort: port) {
        try stage.runQuietly(command)
      }
      report("SVS \(method.name)", try measure(stage, sinks, to: method.vip), peer)
    }
  }

  private static func report(_ name: String, _ rate: Int, _ peer: Int? = nil) {
    let comparison = peer.map { "   \(Text.ratio(rate, of: $0)) x nftables" } ?? ""
    print("  \(name.padded(22)) \(Text.grouped(rate).leftPadded(10)) /s\(comparison)")
    fflush(nil)
  }

  /// The same in nftables: a server for each new flow in turn.
  private static func translation(_ method: Method) -> String {
    let map = method.servers.enumerated().map { "\($0.offset) : \($0.element)" }.joined(separator: ", ")
    return """
      table ip demo {
        chain prerouting {
          type nat hook prerouting priority -100;
          ip daddr \(method.vip) udp dport \(port) dnat to numgen inc mod \(method.servers.count) map { \(map) }
        }
      }

      """
  }

  /// Sends as fast as one thread can, and returns the packets that reached the servers' sockets in a second.
  private static func measure(_ stage: borrowing Stage, _ sinks: borrowing Sinks, to target: IPAddress)
    throws(DemoError) -> Int
  {
    let sender = try Sender(stage, to: target, port, flows: flows)
    try sender.run(duration, payload)
    var best = 0
    for _ in 0..<runs {
      let before = try sinks.received(stage)
      let started = now()
      try sender.run(duration, payload)
      let elapsed = now() - started
      best = max(best, Int(Double(try sinks.received(stage) - before) * 1e9 / Double(elapsed)))
    }
    guard best > 0 else { throw .measurement("no packet reached the servers by way of \(target)") }
    return best
  }
}

/// The monotonic clock in nanoseconds.
private func now() -> UInt64 {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

/// Sockets on the real servers that take datagrams and are never read: the kernel counts what it throws away.
private struct Sinks: ~Copyable {
  private let sockets: [CInt]
  private static let hosts = ["rs1", "rs2", "rs3"]

  init(_ stage: borrowing Stage) throws(DemoError) {
    do {
      sockets = try Sinks.hosts.map { host in
        try stage.lab.inside(host) { try udpSocket(IPPrefix.everything(.ipv4).address, Speed.port, bind) }
      }
    } catch { throw .measurement("\(error)") }
  }

  deinit { for socket in sockets { close(socket) } }

  /// Datagrams that have come to the servers since they began, by the counters of RFC 4113.
  func received(_ stage: borrowing Stage) throws(DemoError) -> Int {
    do {
      return try Sinks.hosts.reduce(0) { sum, host in
        let text = try stage.lab.inside(host) { try Files.text("/proc/thread-self/net/snmp") }
        let lines = text.split(separator: "\n").filter { $0.hasPrefix("Udp:") }
        guard lines.count == 2 else { return sum }
        let values = Dictionary(
          zip(lines[0].split(separator: " "), lines[1].split(separator: " ").map { Int($0) ?? 0 }),
          uniquingKeysWith: { first, _ in first })
        return sum + (values["InErrors"] ?? 0) + (values["InDatagrams"] ?? 0) + (values["NoPorts"] ?? 0)
      }
    } catch { throw .measurement("\(error)") }
  }
}

/// Connected sockets on the client, one for each flow.
private struct Sender: ~Copyable {
  private let sockets: [CInt]

  init(_ stage: borrowing Stage, to target: IPAddress, _ port: UInt16, flows: Int) throws(DemoError) {
    do {
      sockets = try stage.lab.inside("client") {
        try (0..<flows).map { _ in try udpSocket(target, port, connect) }
      }
    } catch { throw .measurement("\(error)") }
  }

  deinit { for socket in sockets { close(socket) } }

  func run(_ duration: Duration, _ payload: UInt32) throws(DemoError) {
    let deadline = Deadline(in: duration)
    while !deadline.hasPassed {
      for socket in sockets {
        let sent = svs_send_burst(socket, payload, 64)
        guard sent > 0 else { throw .measurement("cannot send: \(String(cString: strerror(-sent)))") }
      }
    }
  }
}

/// Makes a UDP socket over IPv4 and binds or connects it.
private func udpSocket(
  _ address: IPAddress, _ port: UInt16, _ join: (CInt, UnsafePointer<sockaddr>, socklen_t) -> CInt
) throws(SystemError) -> CInt {
  let number = socket(AF_INET, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
  guard number >= 0 else { throw SystemError(code: errno, action: "open a socket") }
  var name = sockaddr_in()
  name.sin_family = sa_family_t(AF_INET)
  name.sin_port = port.bigEndian
  name.sin_addr.s_addr = address.words.0
  let result = withUnsafePointer(to: &name) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { join(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
  }
  guard result == 0 else {
    let error = SystemError(code: errno, action: "use a UDP socket with \(address) port \(port)")
    close(number)
    throw error
  }
  return number
}
