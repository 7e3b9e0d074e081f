import Glibc

/// How many packets a second get from the client to the servers, with one director after the other between them.
enum Speed {
  /// The best of a few short runs: what else the machine does only ever makes a run slower.
  private static let runs = 5
  private static let framesPerRun = 150_000

  static func compare(_ stage: borrowing Stage) throws(DemoError) {
    try say(
      "Speed: UDP frames of \(LaneTraffic.frameLength) bytes in \(LaneTraffic.flows) flows over cables without switches,"
    )
    try say("sent and counted by XDP programs at the ends; 'make bench' measures more, and more exactly.\n")
    try stage.runQuietly(["svs", "detach"])
    let traffic = try LaneTraffic(stage.lab)

    guard let server = Lane.servers.first else { return }
    try report(
      "routing, no balancing",
      best { () throws(DemoError) in
        try traffic.rate(to: server, count: framesPerRun, stage.lab)
      })

    try stage.run("director", ["nft", "-f", "-"], input: translation)
    let peer = try best { () throws(DemoError) in try traffic.rate(to: Lane.vip, count: framesPerRun, stage.lab) }
    try report("nftables DNAT", peer)
    try stage.run("director", ["nft", "delete", "table", "ip", "demo"])

    let service = "\(Lane.vip):\(LaneTraffic.port)"
    try stage.runQuietly(["ipvsadm", "-A", "-u", service, "-s", "rr"])
    for server in Lane.servers {
      try stage.runQuietly(["ipvsadm", "-a", "-u", service, "-r", "\(server):\(LaneTraffic.port)", "-m"])
    }
    try report(
      "SVS NAT", best { () throws(DemoError) in try traffic.rate(to: Lane.vip, count: framesPerRun, stage.lab) },
      peer)
  }

  private static func best(_ measure: () throws(DemoError) -> Int) throws(DemoError) -> Int {
    // The first run finds neighbours and makes connections.
    _ = try measure()
    var best = 0
    for _ in 0..<runs { best = max(best, try measure()) }
    guard best > 0 else { throw .measurement("no packet reached the servers") }
    return best
  }

  private static func report(_ name: String, _ rate: Int, _ peer: Int? = nil) throws(DemoError) {
    let comparison = peer.map { "   \(Text.ratio(rate, of: $0)) x nftables" } ?? ""
    try say("  \(name.padded(22)) \(Text.grouped(rate).leftPadded(10)) /s\(comparison)")
  }

  /// The same in nftables: the next server for each new flow.
  private static var translation: String {
    let map = Lane.servers.enumerated().map { "\($0.offset) : \($0.element)" }.joined(separator: ", ")
    return """
      table ip demo {
        chain prerouting {
          type nat hook prerouting priority -100;
          ip daddr \(Lane.vip) udp dport \(LaneTraffic.port) dnat to numgen inc mod \(Lane.servers.count) map { \(map) }
        }
      }

      """
  }
}
