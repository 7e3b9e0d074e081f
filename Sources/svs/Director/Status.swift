import ArgumentParser
import KernelDirector

struct Status: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show how the director of this network namespace stands.",
    discussion: """
      What is attached where, which kernel features are there, how full the tables are, and what may surprise. Exits \
      with 0 if all is well, 3 if there is no director, 4 if there are warnings.

      EXAMPLES
        svs status
        svs status --drops
        svs status --json
      """)

  @Flag(help: "Show the packets that were not simply forwarded, by reason.")
  var drops = false

  @Flag(help: "Print JSON.")
  var json = false

  func run() throws {
    let status = try reporting { () throws(DirectorError) in try Director().status() }
    guard let status else {
      if json { printJSON(.object([("director", .null)])) } else { print("No director in this network namespace.") }
      throw ExitCode(3)
    }
    if json {
      printJSON(drops ? .object([("drops", status.dropsValue)]) : JSONValue(status))
    } else if drops {
      print(status.dropsTable)
    } else {
      print(status.text)
    }
    if !status.warnings.isEmpty, !drops { throw ExitCode(4) }
  }
}

extension DirectorStatus {
  var text: String {
    var lines = ["Interfaces"]
    for interface in attachments {
      lines.append(
        "  \(interface.name.padded(15)) \(interface.mode.rawValue.padded(8)) \(interface.driver)"
          + (interface.takesRedirected ? "" : "  (frames leave through the kernel)"))
    }
    if let diverted {
      lines.append("  none; beside the host's traffic, of which it is sent what is for")
      lines += diverted.words.map { "    \($0)" }
    } else if attachments.isEmpty {
      lines.append("  none")
    }
    lines.append("Kernel \(kernel.release)")
    for feature in kernel.features {
      lines.append("  \(feature.name.padded(24)) \(feature.present ? "yes" : "no")")
    }
    lines.append("Rules")
    lines.append("  services                 \(services)")
    lines.append("  real servers             \(servers)")
    if !localAddresses.isEmpty {
      lines.append("Local addresses of FULLNAT")
      for pool in localAddresses {
        lines.append(
          "  \(pool.addresses.network.description.padded(24)) \(pool.used) used; \(pool.fullest) of "
            + "\(pool.addresses.places) for one server")
      }
    }
    lines.append("Connections")
    lines.append("  in the table             \(connections) of \(connectionCapacity)")
    lines.append("Maps (layout \(layoutVersion))")
    for map in maps {
      let entries = String(map.entries).leftPadded(9)
      lines.append("  \(map.name.padded(24)) \(entries) entries \(mebibytes(map.bytes).leftPadded(8)) MiB")
    }
    let all = mebibytes(maps.reduce(0) { $0 + $1.bytes })
    lines.append("  \("in all".padded(24)) \("".leftPadded(17)) \(all.leftPadded(8)) MiB")
    if warnings.isEmpty {
      lines.append("All is well.")
    } else {
      lines.append("Warnings")
      lines += warnings.map { "  \($0)" }
    }
    return lines.joined(separator: "\n")
  }

  var dropsTable: String {
    var lines = ["\("reason".padded(26)) \("fate".padded(10)) packets"]
    for event in events {
      lines.append("\(event.name.padded(26)) \(event.fate.padded(10)) \(event.packets)")
    }
    return lines.joined(separator: "\n")
  }

  var dropsValue: JSONValue {
    .array(
      events.map {
        .object([("reason", .string($0.name)), ("fate", .string($0.fate)), ("packets", .number($0.packets))])
      })
  }

  private func mebibytes(_ bytes: UInt64) -> String {
    let tenths = (bytes * 10 + 524_288) / 1_048_576
    return "\(tenths / 10).\(tenths % 10)"
  }
}

extension JSONValue {
  init(_ status: DirectorStatus) {
    self = .object([
      ("layoutVersion", .number(UInt64(status.layoutVersion))),
      (
        "interfaces",
        .array(
          status.attachments.map {
            .object([
              ("name", .string($0.name)), ("mode", .string($0.mode.rawValue)), ("driver", .string($0.driver)),
              ("takesRedirectedFrames", .bool($0.takesRedirected)),
            ])
          })
      ),
      ("diverted", .array((status.diverted?.words ?? []).map { .string($0) })),
      ("unattached", .array(status.unattached.map { .string($0) })),
      (
        "kernel",
        .object([
          ("release", .string(status.kernel.release)),
          ("features", .object(status.kernel.features.map { ($0.name, .bool($0.present)) })),
        ])
      ),
      ("services", .number(UInt64(status.services))),
      ("servers", .number(UInt64(status.servers))),
      ("localAddresses", .array(status.localAddresses.map(JSONValue.init))),
      (
        "connections",
        .object([
          ("used", .number(UInt64(status.connections))), ("capacity", .number(UInt64(status.connectionCapacity))),
        ])
      ),
      (
        "maps",
        .array(
          status.maps.map {
            .object([
              ("name", .string($0.name)), ("entries", .number(UInt64($0.entries))), ("bytes", .number($0.bytes)),
            ])
          })
      ),
      ("drops", status.dropsValue),
      ("warnings", .array(status.warnings.map { .string($0) })),
    ])
  }
}
