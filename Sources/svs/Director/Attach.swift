import ArgumentParser
import KernelDirector

struct Attach: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Attach the director to interfaces.",
    discussion: """
      Without names, to every interface that is up, loopback excepted. Native XDP where the driver has it; else \
      generic XDP, which is correct and slow, with a warning.

      EXAMPLES
        svs attach eth0
        svs attach --connections 1000000
      """)

  @Argument(help: "Interfaces; none means all that are up.")
  var interfaces: [String] = []

  @Option(help: ArgumentHelp("How many connections the table holds.", valueName: "number"))
  var connections: UInt32?

  @Flag(help: "Print JSON.")
  var json = false

  func run() throws {
    let results = try reporting { () throws(DirectorError) in
      try Director().attach(interfaces, capacity: connections)
    }
    if json {
      printJSON(results.map(JSONValue.init))
    } else {
      for result in results { print(result.line) }
    }
    for result in results {
      if case .attached(.generic) = result.outcome {
        warn(
          "\(result.interface): no native XDP with driver \(result.driver) and this MTU; attached in the slow, generic mode"
        )
      }
    }
    // Of all interfaces some may be taken; of those that were named, none.
    let refused = results.filter(\.wasRefused)
    if !interfaces.isEmpty, !refused.isEmpty, refused.count < results.count {
      let stay = results.filter { !$0.wasRefused }.map(\.interface).joined(separator: " ")
      complain(
        "not attached to \(refused.map(\.interface).joined(separator: " ")); 'svs detach \(stay)' takes back the rest")
    }
    if !refused.isEmpty, !interfaces.isEmpty || refused.count == results.count { throw ExitCode.failure }
  }
}

struct Detach: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Unhook the director from interfaces, or end it.",
    discussion: """
      With names, only unhooks those. Without, ends the director of this network namespace and frees all that it \
      held: rules, connections, pins and devices.

      EXAMPLES
        svs detach eth1
        ipvsadm-save -n > rules; svs detach     end it, and keep the rules
      """)

  @Argument(help: "Interfaces; none means everything.")
  var interfaces: [String] = []

  func run() throws {
    try reporting { () throws(DirectorError) in
      // What an older version left must go even though this one cannot read it.
      if interfaces.isEmpty { try Director.forceDetach() } else { try Director().detach(interfaces) }
    }
  }
}

extension Attachment {
  var line: String {
    switch outcome {
    case .attached(let mode): "\(interface): attached, \(mode.rawValue) XDP (\(driver))"
    case .already(let mode): "\(interface): already attached, \(mode.rawValue) XDP (\(driver))"
    case .refused(let error): "\(interface): not attached: \(error.sentence)"
    }
  }
}

extension JSONValue {
  init(_ attachment: Attachment) {
    var fields: [(String, JSONValue)] = [
      ("interface", .string(attachment.interface)), ("driver", .string(attachment.driver)),
    ]
    switch attachment.outcome {
    case .attached(let mode), .already(let mode):
      fields += [("attached", .bool(true)), ("mode", .string(mode.rawValue))]
    case .refused(let error):
      fields += [("attached", .bool(false)), ("error", .string(error.sentence))]
    }
    self = .object(fields)
  }
}
