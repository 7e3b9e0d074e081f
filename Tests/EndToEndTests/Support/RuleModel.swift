/// What ipvsadm is to list after commands that a test made up: a model of the rules that knows nothing of how they are
/// kept, and a source of commands that fit them, or, now and then, do not.
struct RuleModel {
  struct Server: Equatable {
    /// As `-r` takes it and as listings show it.
    var name: String
    /// `-m`, `-g`, `-i` or `--fullnat`.
    var method: String
    var weight: Int
    var thresholds = [0, 0]
    /// As `-S` writes it.
    var tunnel = ""
  }

  struct Service: Equatable {
    /// `-t 10.9.9.1:80`, `-f 3 -6`.
    var selector: String
    /// All behind the selector, as `-S` writes it.
    var options: String
    var servers: [Server] = []

    var isIPv6: Bool { selector.contains("[") || selector.hasSuffix(" -6") }
    var isMark: Bool { selector.hasPrefix("-f") }
    /// Of a service by address.
    var port: String { selector.split(separator: ":").last.map(String.init) ?? "" }
  }

  private(set) var services: [Service] = []
  private var random: SeededNumbers

  init(seed: UInt64) { random = SeededNumbers(seed) }

  /// Every line of `-S -n`, in no order that means anything.
  var saved: Set<String> {
    Set(
      services.flatMap { service in
        ["-A \(service.selector) \(service.options)"]
          + service.servers.map { "-a \(service.selector) -r \($0.name) \($0.method) -w \($0.weight)\($0.tunnel)" }
      })
  }

  /// Of each service its servers' rows in `-L -n`: name, method, weight.
  var listed: [String: Set<String>] {
    rows {
      "\($0.name) \(["-m": "Masq", "-g": "Route", "-i": "Tunnel", "--fullnat": "FullNat"][$0.method] ?? "") \($0.weight)"
    }
  }

  /// The same of `-L -n --thresholds`.
  var thresholds: [String: Set<String>] { rows { "\($0.name) \($0.thresholds[0]) \($0.thresholds[1])" } }

  private func rows(_ row: (Server) -> String) -> [String: Set<String>] {
    Dictionary(uniqueKeysWithValues: services.map { ($0.selector, Set($0.servers.map(row))) })
  }
}

extension RuleModel {
  /// A command that changes the rules, or is refused; the model does the same.
  mutating func command() -> String {
    let choice = random.next(in: 0..<100)
    if services.isEmpty || choice < 12 { return addService() }
    let index = random.next(in: 0..<services.count)
    switch choice {
    case ..<20: return editService(index)
    case ..<24:
      defer { services.remove(at: index) }
      return "-D \(services[index].selector)"
    case ..<62: return addServer(index)
    case ..<80 where !services[index].servers.isEmpty: return editServer(index)
    case ..<94 where !services[index].servers.isEmpty:
      let place = random.next(in: 0..<services[index].servers.count)
      defer { services[index].servers.remove(at: place) }
      return "-d \(services[index].selector) -r \(services[index].servers[place].name)"
    case ..<97: return "-d \(services[index].selector) -r \(services[index].isIPv6 ? "[fd10:2::99]" : "10.2.0.99"):9"
    default: return "-D -t 10.9.8.7:6"
    }
  }

  private mutating func addService() -> String {
    let six = random.next(in: 0..<2) == 1
    let selector: String
    if random.next(in: 0..<4) == 0 {
      let mark = random.pick(["1", "2", "3", "77", "2147483647"])
      selector = "-f \(mark)\(six ? " -6" : "")"
    } else {
      let address = six ? "[fd10:9::\(random.next(in: 1..<5))]" : "10.9.9.\(random.next(in: 1..<5))"
      let port = random.pick(["0", "21", "53", "80", "443", "65535"])
      selector = "\(random.pick(["-t", "-u", "--sctp-service"])) \(address):\(port)"
    }
    let service = Service(selector: selector, options: "")
    let (given, kept) = options(service)
    if !services.contains(where: { $0.selector == selector }) {
      services.append(Service(selector: selector, options: kept))
    }
    return "-A \(service.selector) \(given)"
  }

  private mutating func editService(_ index: Int) -> String {
    let (given, kept) = options(services[index])
    services[index].options = kept
    return "-E \(services[index].selector) \(given)"
  }

  /// Options as they are given, and as they are saved.
  private mutating func options(_ service: Service) -> (given: String, kept: String) {
    let scheduler = random.pick(RoundTripTests.schedulers)
    var given = "-s \(scheduler)"
    if scheduler == "wlc", random.next(in: 0..<2) == 0 { given = "" }
    var kept = "-s \(scheduler)"
    if service.port == "0" && !service.isMark || random.next(in: 0..<3) == 0 {
      let seconds = random.pick([1, 50, 360, 2_678_400])
      given += seconds == 360 ? " -p" : " -p \(seconds)"
      kept += " -p \(seconds)"
      if random.next(in: 0..<2) == 0 {
        let mask =
          service.isIPv6 ? random.pick(["64", "48", "128"]) : random.pick(["255.255.255.0", "255.255.255.255"])
        given += " -M \(mask)"
        if mask != "128", mask != "255.255.255.255" { kept += " -M \(mask)" }
      }
      if random.next(in: 0..<3) == 0 {
        given += " --pe sip"
        kept += " --pe sip"
      }
    }
    if service.isMark || service.selector.hasPrefix("-u"), random.next(in: 0..<4) == 0 {
      given += " -o"
      kept += " -o"
    }
    let own = scheduler == "sh" || scheduler == "mh"
    let names = own ? ["\(scheduler)-fallback", "\(scheduler)-port"] : ["flag-1", "flag-2", "flag-3"]
    let flags = names.filter { _ in random.next(in: 0..<4) == 0 }.joined(separator: ",")
    if !flags.isEmpty {
      given += " -b \(flags)"
      kept += " -b \(flags)"
    }
    return (given, kept)
  }

  private mutating func addServer(_ index: Int) -> String {
    let service = services[index]
    let server = settings(of: service, named: nil)
    if !service.servers.contains(where: { $0.name == server.name }) { services[index].servers.insert(server, at: 0) }
    return "-a \(words(service, server))"
  }

  private mutating func editServer(_ index: Int) -> String {
    let service = services[index]
    let place = random.next(in: 0..<service.servers.count)
    let old = service.servers[place]
    var server = settings(of: service, named: old.name)
    // One that is named by another method's port is another server.
    if service.isMark || Self.mapping.contains(old.method) { server.method = old.method }
    if server.method != "-i" { server.tunnel = "" } else if server.tunnel.isEmpty { server.tunnel = " --tun-type ipip" }
    if old.name.hasPrefix("[") != service.isIPv6 {
      server.method = "-i"
      if server.tunnel.isEmpty { server.tunnel = " --tun-type ipip" }
    }
    services[index].servers[place] = server
    return "-e \(words(service, server))"
  }

  private func words(_ service: Service, _ server: Server) -> String {
    let thresholds = server.thresholds == [0, 0] ? "" : " -x \(server.thresholds[0]) -y \(server.thresholds[1])"
    return "\(service.selector) -r \(server.name) \(server.method) -w \(server.weight)\(thresholds)\(server.tunnel)"
  }

  /// The methods that map ports.
  private static let mapping = ["-m", "--fullnat"]

  private mutating func settings(of service: Service, named name: String?) -> Server {
    let method = random.pick(["-m", "-g", "-i", "--fullnat"])
    var six = service.isIPv6
    if method == "-i", random.next(in: 0..<4) == 0 { six.toggle() }
    let host = random.next(in: 11..<26)
    let address = six ? "[fd10:2::\(host)]" : "10.2.0.\(host)"
    let port = service.isMark ? "0" : Self.mapping.contains(method) ? random.pick(["80", "8080", "0"]) : service.port
    let upper = random.pick([0, 0, 5, 1_000])
    return Server(
      name: name ?? "\(address):\(port)", method: method, weight: random.pick([0, 1, 2, 6, 65_535, 2_147_483_647]),
      thresholds: [upper, upper == 0 ? 0 : random.next(in: 0..<upper)], tunnel: method == "-i" ? tunnel() : "")
  }

  private mutating func tunnel() -> String {
    switch random.next(in: 0..<3) {
    case 0: " --tun-type ipip"
    case 1:
      " --tun-type gue --tun-port \(random.next(in: 1..<65_536))"
        + random.pick([" --tun-csum", " --tun-nocsum", " --tun-remcsum"])
    default: " --tun-type gre" + random.pick([" --tun-csum", " --tun-nocsum"])
    }
  }
}

/// Numbers by chance that can be had again (SplitMix64).
struct SeededNumbers: RandomNumberGenerator {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
    return z ^ z >> 31
  }

  mutating func next(in range: Range<Int>) -> Int { Int.random(in: range, using: &self) }

  mutating func pick<T>(_ values: [T]) -> T { values[next(in: 0..<values.count)] }
}
