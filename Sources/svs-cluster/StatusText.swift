import Cluster
import FoundationEssentials

/// A cluster's status for people and as data.
enum StatusText {
  static func json(_ status: some Encodable) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return (try? encoder.encode(status)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
  }

  static func text(_ status: ClusterStatus) -> String {
    var parts = [
      "\(status.name): \(status.nodes.count) nodes, \(status.pods.count) pods; pods' network \(status.podNetwork) by "
        + "\(status.backend), services' network \(status.serviceNetwork)",
      nodes(status), pods(status), services(status),
    ]
    if !status.notes.isEmpty { parts.append("notes\n" + list(status.notes)) }
    parts.append(status.problems.isEmpty ? "all is well" : "what is wrong\n" + list(status.problems))
    return parts.joined(separator: "\n\n")
  }

  /// What is where, and what to try next.
  static func welcome(_ status: ClusterStatus) -> String {
    let pod = status.pods.first { $0.programs.isEmpty } ?? status.pods.first
    let service = status.services.first {
      $0.transport == "tcp" && !$0.name.hasPrefix("kube-system/") && !$0.endpoints.isEmpty
    }
    var tries: [(String, String)] = []
    if let node = status.nodes.first, let service {
      tries.append(
        ("by cluster IP", "exec \(status.name) \(node.name) curl http://\(service.clusterIP):\(service.port)/"))
    }
    if let pod, let service, hasNames(status) {
      let words = service.name.split(separator: ":")[0].split(separator: "/").map(String.init)
      // Short names are those of the pod's own namespace.
      let name = words.first == pod.namespace ? words.last ?? "" : words.reversed().joined(separator: ".")
      tries.append(("by name", "exec \(status.name) \(pod.name) curl http://\(name):\(service.port)/"))
    }
    let entry = status.services.first { service in
      service.transport == "tcp" && (service.nodePort ?? 0) >= 30000 && !service.endpoints.isEmpty
    }
    if let node = status.nodes.last, let port = entry?.nodePort {
      tries.append(
        ("from outside", "exec \(status.name) \(status.outside.name) curl http://\(node.address):\(port)/"))
    }
    tries.append(("how it stands", "status \(status.name)"))
    tries.append(("the end", "down \(status.name)"))
    let width = tries.map(\.0.count).max() ?? 0
    let notes = status.notes.isEmpty ? "" : "\n" + list(status.notes.map { "note: \($0)" })
    return "\(status.name) is up\n\n" + nodes(status) + "\n\n" + pods(status) + "\n\n" + services(status) + "\n\n"
      + tries.map { "  \(($0.0 + ":").padded(width + 1))  svs cluster \($0.1)" }.joined(separator: "\n") + notes
  }

  /// Whether there is a DNS server: a pod that serves its port and whose program runs.
  private static func hasNames(_ status: ClusterStatus) -> Bool {
    let running = Set(status.pods.filter { $0.programs.contains(where: \.isRunning) }.map(\.address))
    return status.services.contains { service in
      service.transport == "udp" && service.port == 53 && service.endpoints.contains { running.contains($0.address) }
    }
  }

  private static func nodes(_ status: ClusterStatus) -> String {
    table(
      ["node", "address", "pods' subnet", "namespace"],
      status.nodes.map { [$0.name, $0.address, $0.podSubnet, $0.namespace] }
        + [[status.outside.name, status.outside.address, "", "\(status.name)-\(status.outside.name)"]])
  }

  private static func pods(_ status: ClusterStatus) -> String {
    table(
      ["pod", "node", "address", "programs"],
      status.pods.map { pod in
        let programs = pod.programs.map { $0.isRunning ? "\($0.name) (\($0.pid))" : "\($0.name) (ended)" }
        return [pod.name, pod.node, pod.address, programs.isEmpty ? "-" : programs.joined(separator: ", ")]
      })
  }

  private static func services(_ status: ClusterStatus) -> String {
    table(
      ["service", "cluster IP", "node port", "endpoints (connections)"],
      status.services.map { service in
        let endpoints = service.endpoints.map { endpoint in
          "\(endpoint.pod ?? endpoint.address):\(endpoint.port)"
            + (service.transport == "tcp" ? " (\(endpoint.connections))" : "")
        }
        return [
          service.name, "\(service.clusterIP):\(service.port)/\(service.transport)",
          service.nodePort.map(String.init) ?? "-",
          endpoints.isEmpty ? "none: connections are refused" : endpoints.joined(separator: ", "),
        ]
      })
  }

  private static func table(_ heading: [String], _ rows: [[String]]) -> String {
    let all = ([heading] + rows).flatMap(lines(of:))
    let widths = heading.indices.map { column in all.map { $0[column].count }.filter { $0 <= widest }.max() ?? 0 }
    return all.map { row in
      var line = zip(row, widths).map { $0.padded($1) }.joined(separator: "  ")
      while line.last == " " { line.removeLast() }
      return line
    }.joined(separator: "\n")
  }

  /// Of a column, in characters.
  private static let widest = 60

  /// A row as lines: a list that is wider than a column may be goes on below.
  private static func lines(of row: [String]) -> [[String]] {
    let cells = row.map { cell in
      var lines: [String] = []
      for part in cell.split(separator: ", ") {
        if let last = lines.last, last.count + part.count + 3 <= widest {
          lines[lines.count - 1] = "\(last), \(part)"
        } else {
          if let last = lines.last { lines[lines.count - 1] = "\(last)," }
          lines.append(String(part))
        }
      }
      return lines
    }
    return (0..<max(1, cells.map(\.count).max() ?? 1)).map { number in
      cells.map { $0.indices.contains(number) ? $0[number] : "" }
    }
  }

  private static func list(_ lines: [String]) -> String { lines.map { "  \($0)" }.joined(separator: "\n") }
}

extension String {
  fileprivate func padded(_ width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
