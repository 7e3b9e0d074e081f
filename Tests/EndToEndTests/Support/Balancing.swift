import HostSystem
import Testing

@testable import Lab

/// Rules and traffic for the network that ``Stage`` describes.
extension DirectorLab {
  /// Adds a service with three real servers.
  ///
  /// - Parameters:
  ///   - net: the network in which the servers are addressed; by the method where absent.
  ///   - serverPort: another than the service's is for NAT only.
  func addService(
    _ c: Case, _ transport: String = "-t", port: Int = 80, serverPort: Int? = nil, net: Int? = nil,
    scheduler: String = "rr"
  ) throws {
    try add(rules(c, transport, port: port, serverPort: serverPort, net: net, scheduler: scheduler))
  }

  /// Rules in one go: where programs start slowly, as on an emulated machine, a command for each takes the test's time.
  func add(_ rules: [String]) throws {
    try ipvsadm("-R", input: rules.joined(separator: "\n") + "\n")
  }

  /// A service and its servers, as `ipvsadm -R` reads them.
  func rules(
    _ c: Case, _ transport: String = "-t", port: Int = 80, serverPort: Int? = nil, net: Int? = nil,
    scheduler: String = "rr"
  ) -> [String] {
    let service = "\(transport) \(c.bracketedVIP):\(port)"
    return ["-A \(service) -s \(scheduler)"]
      + c.servers(net: net).map {
        "-a \(service) -r \(c.bracketed($0)):\(serverPort ?? port) \(c.method.rawValue)"
      }
  }

  /// Starts on every server what answers on ports 9000 and 9001.
  func startServers() throws {
    for number in 1...3 {
      let addresses = [Case(method: .nat, six: false), Case(method: .nat, six: true)].flatMap { c in
        [c.address(net: 1, host: 10 + number), c.address(net: 2, host: 10 + number)]
          + [101, 102].map { c.address(net: 1, host: $0) }
      }
      try lab.spawn(
        "rs\(number)", [Programs.python, Programs.script("serve"), "rs\(number)"] + addresses, name: "serve",
        listeners: [.init(.tcp, 9000), .init(.tcp, 9001), .init(.udp, 9000)])
    }
  }

  /// Gets the page so many times, each by a connection of its own; the servers' names in the order of the answers.
  func fetch(
    _ c: Case, _ count: Int, port: Int = 80, from host: String = "client",
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> [String] {
    let url = "http://\(c.bracketedVIP):\(port)/?[1-\(count)]"
    let text = try run(
      host, ["curl", "-sS", "-m", "20", "--retry-connrefused", "-H", "Connection: close", url],
      sourceLocation: sourceLocation)
    return text.split(separator: "\n").map(String.init).filter { !$0.hasPrefix("--_curl_--") }
  }

  /// Asks by UDP so many times; the servers' names. That the VIP answered with the same bytes is expected.
  func ask(
    _ c: Case, _ count: Int, port: Int = 9000, size: Int = 32, _ more: [String] = [],
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> [String] {
    let output = try python(
      "client", "datagrams", [c.vip, String(port), String(count), String(size)] + more, sourceLocation: sourceLocation)
    return output.split(separator: "\n").map { line in
      let words = line.split(separator: " ").map(String.init)
      #expect(words.dropFirst() == [c.vip, "same"], "\(line)", sourceLocation: sourceLocation)
      return words.first ?? ""
    }
  }

  /// Uploads to port 9001; what arrived must be what was sent.
  func upload(_ c: Case, _ bytes: Int, port: Int = 9001, sourceLocation: SourceLocation = #_sourceLocation) throws {
    let output = try python(
      "client", "upload", [c.vip, String(port), String(bytes)], sourceLocation: sourceLocation)
    #expect(output == "same\n", sourceLocation: sourceLocation)
  }
}

/// How often each name stands in a list.
func tally(_ names: [String]) -> [String: Int] {
  names.reduce(into: [:]) { $0[$1, default: 0] += 1 }
}
