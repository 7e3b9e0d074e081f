import ArgumentParser
import KernelDirector
import VirtualServer
import VirtualServer

struct ClientAddressCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "client-address",
    abstract: "How real servers under FULLNAT learn of their clients.",
    discussion: """
      Under FULLNAT a real server sees connections come from the director. It can be told of the client behind them:

        toa        an option (kind 254) in the first TCP segments, for servers with a module that reads it
        proxy-v1   a line of text before the stream, for servers that speak the PROXY protocol: nginx, HAProxy, …
        proxy-v2   the same as a binary header
        none       nothing

      A server that is told by the PROXY protocol has to expect it ('listen … proxy_protocol' in nginx, 'accept-proxy' \
      in HAProxy), or it takes the header for the client's words. Connections that stand go on as they began.

      EXAMPLES
        svs client-address set tcp:192.0.2.1:80 proxy-v2
        svs client-address set tcp:192.0.2.1:80 toa --keep-client-toa
        svs client-address list
      """,
    subcommands: [Set.self, List.self], defaultSubcommand: List.self)

  struct Set: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "set", abstract: "Set how the servers of a service are told.")

    @Argument(help: "Such as tcp:VIP:PORT, tcp:[VIP]:PORT or fwmark:N.")
    var service: String

    @Argument(help: "One of none, toa, proxy-v1 and proxy-v2.")
    var method: String

    @Flag(help: "Pass a TOA option on that the client sends, instead of blanking it: for clients that are balancers.")
    var keepClientToa = false

    func run() throws {
      let words = [service, method] + (keepClientToa ? ["--keep-client-toa"] : [])
      let rule: ClientAddressRule
      do { rule = try ClientAddressRule(words: words) } catch { throw ValidationError("\(error).") }
      let director = try reporting { () throws(DirectorError) in try Director() }
      try reporting { () throws(DirectorError) in
        try director.setDisclosure(rule.disclosure, of: rule.service)
      }
      let now = try reporting { () throws(DirectorError) in try director.disclosures() }
      if rule.disclosure.method != .none, let others = now.first(where: { $0.service == rule.service })?.otherServers,
        others > 0
      {
        warn(
          "\(others) of the servers of \(service) have another forwarding method than FULLNAT; they see their clients' "
            + "addresses, and are told nothing")
      }
    }
  }

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "list", abstract: "Show the services whose servers are told.")

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
      let disclosures = try reporting { () throws(DirectorError) in try Director().disclosures() }
      if json { return printJSON(.array(disclosures.map(JSONValue.init))) }
      if disclosures.isEmpty { return print("No server is told of its clients.") }
      let width = disclosures.map(\.service.named.count).max() ?? 0
      print("SERVICE".padded(width) + "  METHOD    CLIENT'S TOA")
      for entry in disclosures {
        let method = entry.disclosure.method.rawValue.padded(8)
        print(
          entry.service.named.padded(width) + "  \(method)  \(entry.disclosure.keepsClientsTOA ? "kept" : "blanked")")
      }
    }
  }
}

extension JSONValue {
  init(_ entry: DisclosureSnapshot) {
    self = .object([
      ("service", .string(entry.service.named)), ("method", .string(entry.disclosure.method.rawValue)),
      ("keepsClientTOA", .bool(entry.disclosure.keepsClientsTOA)),
      ("serversOfOtherMethods", .number(UInt64(entry.otherServers))),
    ])
  }
}
