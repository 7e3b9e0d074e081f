import BenchTypes
import HostSystem
import Netlink

/// A million connections at once through NAT, and what they take.
struct ManyConnections {
  let setting: BenchSetting

  static let count = 1_000_000

  func run() throws(BenchError) -> Report.Part {
    var part = Report.Part(
      "1,000,000 TCP connections at once through NAT", unit: "see each row",
      method:
        "live frames: SYN and ACK of every connection, then a packet of each; counted at the servers by connection")
    let rules =
      ["-A -t 10.9.0.1:80 -s rr"] + (1...3).map { "-a -t 10.9.0.1:80 -r \(BenchNetwork.server($0, .ipv4)):80 -m" }
    let director = try DirectorUnderTest(.director, setting, connections: Self.count + Self.count / 16, rules: rules)
    let empty = try memory(director)
    let traffic = try LiveTraffic(director.network, objects: setting.objects)
    var plan = FramePlan(service: BenchNetwork.vip(.ipv4))
    plan.mac = BenchNetwork.directorMAC
    plan.flows = Self.count
    plan.marks = true

    plan.flags = FramePlan.TCPFlag.syn
    let opening = try everyFlow(plan, traffic, director)
    plan.flags = FramePlan.TCPFlag.ack
    _ = try everyFlow(plan, traffic, director)
    let last = try everyFlow(plan, traffic, director)
    let full = try memory(director)

    part.rows.append(Report.Row("new connection, ns", single(opening.nanosecondsPerPacket)))
    part.rows.append(Report.Row("packet of a connection that stands, ns", single(last.nanosecondsPerPacket)))
    part.rows.append(Report.Row("bytes per connection", single(Double(full - min(empty, full)) / Double(Self.count))))
    part.rows.append(
      Report.Row("bytes per connection, with all the tables", single(Double(full) / Double(Self.count))))
    let held = try Self.count == counted(director)
    part.goals.append(
      Report.Goal(
        "connections forwarded", Double(try traffic.flowsReached(of: Self.count)), .exactly, Double(Self.count)))
    part.goals.append(Report.Goal("connections that changed server", Double(try traffic.arrivals().moved), .exactly, 0))
    part.goals.append(Report.Goal("all counted in ActiveConn", held ? 1 : 0, .exactly, 1))
    return part
  }

  /// Sends one packet of every flow; what a full queue swallowed is sent again.
  private func everyFlow(
    _ plan: FramePlan, _ traffic: borrowing LiveTraffic, _ director: borrowing DirectorUnderTest
  ) throws(BenchError) -> LiveTraffic.Outcome {
    let first = try traffic.send(plan, count: Self.count, director.network)
    var arrived = first.arrived
    for _ in 0..<8 where arrived < Self.count {
      arrived = max(arrived, try traffic.send(plan, count: Self.count, director.network).arrived)
    }
    return first
  }

  private func single(_ value: Double) -> Samples {
    var samples = Samples()
    samples.add(value)
    return samples
  }

  /// Kernel memory of all the director's maps, chunks of pools aside: their number does not depend on connections.
  private func memory(_ director: borrowing DirectorUnderTest) throws(BenchError) -> UInt64 {
    try director.network.inside("director") { () throws(BenchError) in
      try attempt { () throws(SystemError) in
        var total: UInt64 = 0
        for map in try AttachedProgram(on: "d0").maps().values { total += try map.memory() }
        return total
      }
    }
  }

  /// ActiveConn of all servers, as ipvsadm prints it.
  private func counted(_ director: borrowing DirectorUnderTest) throws(BenchError) -> Int {
    let listing = try director.network.command(["\(setting.programs)/ipvsadm", "-Ln"])
    return listing.split(separator: "\n").compactMap { line -> Int? in
      let fields = line.split(separator: " ")
      return fields.count == 6 && fields[0] == "->" ? Int(fields[4]) : nil
    }.reduce(0, +)
  }
}
