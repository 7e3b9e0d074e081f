import ArgumentParser
import KernelDirector
import Simulation
import VirtualServer

struct ConnectionsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "connections",
    abstract: "Show the connection table, with what ipvsadm -Lnc has no columns for.",
    discussion: """
      METHOD is how packets reach the server; LOCAL, under FULLNAT, the director's address and port that the server \
      sees in place of the client's: what stands in the server's own logs. EXPIRES is in seconds.

      EXAMPLES
        svs connections
        svs connections --local 192.0.2.64:1024      whose connection is it?
        svs connections --json
      """)

  @Option(
    help: ArgumentHelp(
      "Only the FULLNAT connections that servers see come from there.", valueName: "address[:port]"))
  var local: String?

  @Flag(help: "Print JSON.")
  var json = false

  func run() throws {
    let wanted = try local.map { try LocalEnd($0) }
    let all = try reporting { () throws(DirectorError) in try Director().connections() }
    let rows = all.filter { connection in wanted?.matches(connection) ?? true }
    if json {
      printJSON(rows.map(Self.value))
    } else {
      printTable(rows)
    }
  }

  private struct LocalEnd {
    let address: IPAddress
    let port: UInt16?

    init(_ text: String) throws {
      if let endpoint = Endpoint(text: text) {
        (address, port) = (endpoint.address, endpoint.port)
      } else if let address = IPAddress(
        text.hasPrefix("[") && text.hasSuffix("]") ? String(text.dropFirst().dropLast()) : text)
      {
        (self.address, port) = (address, nil)
      } else {
        throw ValidationError(
          "'\(text)' is not ADDRESS or ADDRESS:PORT, as 192.0.2.64:1024 and [2001:db8::64]:1024 are.")
      }
    }

    func matches(_ connection: ConnectionSnapshot) -> Bool {
      guard let local = connection.local, local.address == address else { return false }
      return port == nil || port == local.port
    }
  }

  /// Row by row: a table of a million connections is to be seen before it is complete.
  private func printTable(_ connections: [ConnectionSnapshot]) {
    let heading = ["PROTO", "EXPIRES", "STATE", "CLIENT", "VIRTUAL", "LOCAL", "SERVER", "METHOD"]
    func cells(_ c: ConnectionSnapshot) -> [String] {
      [
        c.transport.words, String(c.expiresIn), c.stateName, c.client.text, c.virtual.text, c.local?.text ?? "-",
        c.destination.text, c.method?.name ?? "-",
      ]
    }
    var widths = heading.map(\.count)
    for connection in connections {
      for (column, cell) in cells(connection).enumerated() { widths[column] = max(widths[column], cell.utf8.count) }
    }
    func show(_ row: [String]) {
      var line = ""
      for (column, cell) in row.enumerated() {
        line += column == row.count - 1 ? cell : cell.padded(widths[column]) + "  "
      }
      print(line)
    }
    show(heading)
    for connection in connections { show(cells(connection)) }
  }

  private static func value(_ c: ConnectionSnapshot) -> JSONValue {
    .object([
      ("protocol", .string(c.transport.words)), ("state", .string(c.stateName)),
      ("expiresInSeconds", .number(UInt64(c.expiresIn))), ("client", .string(c.client.text)),
      ("virtual", .string(c.virtual.text)), ("local", c.local.map { .string($0.text) } ?? .null),
      ("server", .string(c.destination.text)), ("method", c.method.map { .string($0.name) } ?? .null),
    ])
  }
}

extension ConnectionProtocol {
  /// The protocol as `svs` names it.
  fileprivate var words: String {
    switch self {
    case .transport(let transport): transport.name
    case .any: "any"
    }
  }
}
