import HostSystem
import Netlink

/// How many TCP connections one local address holds to one server, and how many four of them do.
struct HeldConnections {
  let setting: BenchSetting

  func measure(into part: inout Report.Part) throws(BenchError) {
    try measure(addresses: "10.0.0.48/32", count: 60_000, "1 local address", into: &part)
    try measure(addresses: "10.0.0.48/30", count: 240_000, "4 local addresses", into: &part)
  }

  private func measure(
    addresses: String, count: Int, _ name: String, into part: inout Report.Part
  ) throws(BenchError) {
    let server = BenchNetwork.server(1, .ipv4)
    let rules = ["-A -t 10.9.0.1:80 -s rr", "-a -t 10.9.0.1:80 -r \(server):80 --fullnat"]
    let director = try DirectorUnderTest(.director, setting, connections: count + count / 16, rules: rules)
    try director.network.command(["\(setting.programs)/svs", "local-address", "add", addresses])
    guard let network = IPPrefix(addresses) else { throw .invalid("\(addresses) is no network") }
    for number in 0..<(1 << (32 - Int(network.length))) {
      try director.network.command(["ip", "address", "add", "10.0.0.\(48 + number)/32", "dev", "d1"])
    }
    let outcome = try ManySockets(count: count).run(director.network, server: server, vip: BenchNetwork.vip(.ipv4))
    part.rows.append(
      Report.Row("\(name): seconds until \(count) sockets stand", FullNAT.single(outcome.secondsToStand)))
    part.goals.append(
      Report.Goal("\(name), one server: connections that stand", Double(outcome.standing), .atLeast, Double(count)))
    part.goals.append(
      Report.Goal("\(name): echoes while all stand", Double(outcome.echoed), .exactly, Double(count)))
    part.goals.append(
      Report.Goal(
        "\(name): collisions (server's peers less than connections)", Double(outcome.standing - outcome.peers),
        .exactly, 0))
  }
}
