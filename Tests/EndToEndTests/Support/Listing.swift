import Testing

@testable import Lab

/// What `ipvsadm -Ln` says, by service.
struct Listing {
  struct Server {
    var name: String
    /// Of `-Ln`.
    var method = ""
    var weight = 0
    var active = 0
    var inactive = 0
    /// Of `--stats`: connections, packets in and out, bytes in and out.
    var counters: [Int] = []
  }

  struct Service {
    /// TCP or UDP.
    var transport: String
    var name: String
    var counters: [Int] = []
    var servers: [Server] = []

    var active: Int { servers.reduce(0) { $0 + $1.active } }
    var inactive: Int { servers.reduce(0) { $0 + $1.inactive } }
  }

  var services: [Service] = []

  init(_ text: String, stats: Bool) {
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ").map(String.init)
      if words.count > 1, words[0] == "TCP" || words[0] == "UDP" {
        services.append(
          Service(transport: words[0], name: words[1], counters: stats ? words.dropFirst(2).compactMap { Int($0) } : [])
        )
      } else if words.count > 5, words[0] == "->", !services.isEmpty, words[1] != "RemoteAddress:Port" {
        let numbers = words.dropFirst(stats ? 2 : 3).compactMap { Int($0) }
        let server =
          stats
          ? Server(name: words[1], counters: numbers)
          : Server(name: words[1], method: words[2], weight: numbers[0], active: numbers[1], inactive: numbers[2])
        services[services.count - 1].servers.append(server)
      }
    }
  }
}

extension DirectorLab {
  func listing() throws -> Listing { Listing(try ipvsadm("-L -n"), stats: false) }
  func statistics() throws -> Listing { Listing(try ipvsadm("-L -n --stats --exact"), stats: true) }

  /// The rows of the connection table, each as its words.
  func connections() throws -> [[String]] {
    try ipvsadm("-L -n -c").split(separator: "\n").dropFirst(2).map { $0.split(separator: " ").map(String.init) }
  }

  /// Packets by reason, as `svs status --drops` counts them.
  func drops() throws -> [String: Int] {
    var counts: [String: Int] = [:]
    for line in try svs("status --drops").split(separator: "\n").dropFirst() {
      let words = line.split(separator: " ")
      if words.count == 3 { counts[String(words[0])] = Int(words[2]) }
    }
    return counts
  }

  /// Connections in the table, and how many it can hold.
  func tableUse() throws -> (used: Int, capacity: Int) {
    // The status says with its exit code whether there are warnings.
    let text = try lab.exec("director", [Programs.svs, "status"]).output
    for line in text.split(separator: "\n") where line.contains("in the table") {
      let words = line.split(separator: " ")
      if words.count == 6, let used = Int(words[3]), let capacity = Int(words[5]) { return (used, capacity) }
    }
    throw Complaint("svs status does not tell how full the table is:\n\(text)")
  }
}

/// An error in words.
struct Complaint: Error, CustomStringConvertible {
  var description: String
  init(_ description: String) { self.description = description }
}
