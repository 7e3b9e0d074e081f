import Glibc
import HostSystem
import Netlink

/// How long a lab's builder waits, and whether anybody still wants the lab.
struct Waiting {
  var deadline: Deadline
  var isAbandoned: @Sendable () -> Bool = { false }

  func checkIsWanted() throws(LabError) {
    if isAbandoned() { throw .abandoned }
  }

  /// Asks again and again, with longer and longer pauses, what is still missing.
  func callAsFunction(_ missing: () throws(LabError) -> [String]) throws(LabError) {
    var pause: CInt = 1
    while true {
      let left = try missing()
      if left.isEmpty { return }
      try checkIsWanted()
      if deadline.hasPassed { throw .notReady(left) }
      poll(nil, 0, min(pause, deadline.milliseconds))
      pause = min(pause * 2, 50)
    }
  }
}

extension RunningLab {
  /// Waits until every link has carrier and every address can be used.
  func waitForNetwork(_ hosts: [Topology.Host], _ wait: Waiting) throws(LabError) {
    let topology = topology
    // What was ready stays so: only the others are asked again.
    var left = hosts
    try wait { () throws(LabError) in
      var missing: [String] = []
      var later: [Topology.Host] = []
      for host in left {
        let parts = try configure(host.name) { socket throws(NetlinkError) in
          try socket.whatIsMissing(topology.interfaces(of: host))
        }
        if !parts.isEmpty { later.append(host) }
        missing += parts.map { "\(host.name): \($0)" }
      }
      left = later
      return missing
    }
  }

  /// Waits until every port that a process is to open is open; a process that ends instead is an error.
  func waitForListeners(_ hosts: [Topology.Host], _ wait: Waiting) throws(LabError) {
    try wait { () throws(LabError) in
      var missing: [String] = []
      for host in hosts where host.processes.contains(where: { !$0.listeners.isEmpty }) {
        let open = try openPorts(on: host.name)
        for process in host.processes {
          let closed = process.listeners.filter { !open.contains($0) }
          if closed.isEmpty { continue }
          try checkIsAlive(process.name, on: host.name)
          missing += closed.map { "\(host.name): \(process.name) does not listen on \($0.transport) port \($0.port)" }
        }
      }
      return missing
    }
  }

  func openPorts(on host: String) throws(LabError) -> OpenPorts {
    try inside(host) { () throws(LabError) in try attempt { () throws(SystemError) in try OpenPorts() } }
  }
}

extension NetlinkSocket {
  /// The links without carrier, and the addresses that are tentative or belong to somebody else.
  fileprivate func whatIsMissing(_ names: [String]) throws(NetlinkError) -> [String] {
    var missing: [String] = []
    for interface in try interfaces() where names.contains(interface.name) {
      // A bridge or bond without ports never has carrier.
      if interface.kind == "bridge" || interface.kind == "bond" { continue }
      // The kernel hears of a carrier in a work queue, up to a second later; a bridge drops frames until it does.
      if !interface.flags.contains([.up, .lowerUp, .running]) { missing.append("\(interface.name) has no carrier") }
      if let state = interface.bridgePortState, state != .forwarding {
        missing.append("\(interface.name)'s bridge does not forward yet: \(state)")
      }
    }
    let addresses = try addresses()
    for interface in try interfaces() where names.contains(interface.name) && !interface.flags.contains(.loopback) {
      let own = addresses.filter { $0.interfaceIndex == interface.index && $0.prefix.address.family == .ipv6 }
      // It comes a little after the carrier, and neighbours are asked for with it.
      if !own.isEmpty, !own.contains(where: \.prefix.address.isLinkLocal) {
        missing.append("\(interface.name) has no link-local address")
      }
    }
    for address in addresses {
      if address.flags.contains(.detectionFailed) { missing.append("\(address.prefix) belongs to another host") }
      // IPv6 puts an address's route in place later than the address, in a work queue.
      if !address.prefix.address.isLinkLocal, (try? route(to: address.prefix.address).kind) != .local {
        missing.append("\(address.prefix) has no route yet")
      }
      if address.flags.contains(.tentative) { missing.append("\(address.prefix) is tentative") }
    }
    return missing
  }
}

/// The ports that somebody listens on in the calling thread's namespace, as proc(5) lists them under net.
struct OpenPorts {
  private var tcp: Set<UInt16> = []
  private var udp: Set<UInt16> = []

  init() throws(SystemError) {
    // /proc/net is the whole process's; a thread's own namespace shows only here.
    for (file, isTCP) in [("tcp", true), ("tcp6", true), ("udp", false), ("udp6", false)] {
      let path = "/proc/thread-self/net/\(file)"
      guard access(path, F_OK) == 0 else { continue }
      for line in try Files.text(path).split(separator: "\n").dropFirst() {
        let words = line.split(separator: " ")
        guard words.count > 3, let colon = words[1].lastIndex(of: ":"),
          let port = UInt16(words[1][words[1].index(after: colon)...], radix: 16)
        else { continue }
        // 0A is TCP_LISTEN; a bound UDP socket is in 07, TCP_CLOSE.
        if isTCP, words[3] == "0A" { tcp.insert(port) }
        if !isTCP, words[3] == "07" { udp.insert(port) }
      }
    }
  }

  func contains(_ listener: Topology.Process.Listener) -> Bool {
    (listener.transport == .tcp ? tcp : udp).contains(listener.port)
  }
}
