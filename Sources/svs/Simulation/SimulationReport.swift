import KernelDirector
import Simulation

/// Prints what a simulation tells, as it goes.
final class SimulationReport {
  private struct Share {
    var opened: UInt64 = 0
    var byTemplate: UInt64 = 0
  }

  private let json: Bool
  private let explain: Bool
  private let summary: Bool
  private var isFirst = true
  private var shares: [ServiceIdentity: [Endpoint: Share]] = [:]
  private var refused: [ServiceIdentity: UInt64] = [:]

  init(json: Bool, explain: Bool, summary: Bool) {
    self.json = json
    self.explain = explain
    self.summary = summary
  }

  func begin() { if json { print("{\n  \"records\": [", terminator: "") } }

  func take(_ record: SimulationRecord) {
    switch record {
    case .decision(let decision):
      count(decision)
      if summary { return }
      if json {
        member(JSONValue(decision))
      } else {
        print(decision.line)
        if explain { decision.candidateLines.forEach { print("             \($0)") } }
      }
    case .output(let text):
      if json { member(.object([("output", .string(text))])) } else { print(text, terminator: "") }
    }
  }

  private func member(_ value: JSONValue) {
    print(isFirst ? "\n" : ",\n", terminator: "")
    isFirst = false
    print("    " + value.text(indent: "    "), terminator: "")
  }

  private func count(_ decision: Decision) {
    guard let service = decision.service else { return }
    if decision.isOpening, let server = decision.candidates.first(where: \.isChosen)?.server ?? decision.server {
      shares[service, default: [:]][server, default: Share()].opened += 1
      if case .template = decision.reason { shares[service, default: [:]][server, default: Share()].byTemplate += 1 }
    } else if !decision.isOpening {
      refused[service, default: 0] += 1
    }
  }

  /// Leaves JSON whole when a scenario ends early.
  func abandon() { if json { print("\n  ]\n}") } }

  func end(_ services: [ServiceSnapshot]) {
    if json {
      let text = JSONValue.array(services.map(json)).text(indent: "  ")
      print("\(isFirst ? "" : "\n  ")],\n  \"services\": \(text)\n}")
      return
    }
    for service in services {
      print(summary && isFirst ? "" : "\n", terminator: "")
      isFirst = false
      print("\(service.identity.words) \(service.settings.scheduler)")
      table(service)
    }
  }

  private func table(_ service: ServiceSnapshot) {
    let shares = shares[service.identity] ?? [:]
    let all = shares.values.reduce(0) { $0 + $1.opened }
    let width = max(service.servers.map(\.endpoint.text.count).max() ?? 0, 11)
    print("  \("real server".padded(width)) weight  connections  share  by template  ActiveConn  InActConn")
    for server in service.servers {
      let share = shares[server.endpoint] ?? Share()
      let tenths = all == 0 ? 0 : (share.opened * 1000 + all / 2) / all
      let columns = [
        (String(server.settings.weight), 6), (String(share.opened), 12), ("\(tenths / 10).\(tenths % 10)%", 6),
        (String(share.byTemplate), 12), (String(server.activeConnections), 11),
        (String(server.inactiveConnections), 10),
      ]
      print("  \(server.endpoint.text.padded(width)) " + columns.map { $0.0.leftPadded($0.1) }.joined(separator: " "))
    }
    let servers = Set(service.servers.map(\.endpoint))
    for (server, share) in shares.sorted(by: { $0.key.text < $1.key.text }) where !servers.contains(server) {
      print(
        "  \(server.text.padded(width)) \("–".leftPadded(6)) \(String(share.opened).leftPadded(12))  (not in the rules at the end)"
      )
    }
    if let refused = refused[service.identity] {
      print("  \("no server".padded(width)) \("".padded(6)) \(String(refused).leftPadded(12))")
    }
  }

  private func json(_ service: ServiceSnapshot) -> JSONValue {
    let shares = shares[service.identity] ?? [:]
    return .object([
      ("service", .string(service.identity.words)), ("scheduler", .string(service.settings.scheduler)),
      ("refused", .number(refused[service.identity] ?? 0)),
      (
        "servers",
        .array(
          service.servers.map { server in
            let share = shares[server.endpoint] ?? Share()
            return .object([
              ("server", .string(server.endpoint.text)), ("weight", .number(UInt64(server.settings.weight))),
              ("connections", .number(share.opened)), ("byTemplate", .number(share.byTemplate)),
              ("active", .number(UInt64(server.activeConnections))),
              ("inactive", .number(UInt64(server.inactiveConnections))),
            ])
          })
      ),
    ])
  }
}
