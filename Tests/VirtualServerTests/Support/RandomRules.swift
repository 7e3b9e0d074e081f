import Foundation
import KernelDirector

@testable import VirtualServer

/// A generator whose runs can be repeated.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) {
    state = seed
  }

  /// Takes the seed from `SVS_SEED` or from chance, and prints it.
  static func announced(_ purpose: String) -> SeededGenerator {
    let given = ProcessInfo.processInfo.environment["SVS_SEED"].flatMap { UInt64($0) }
    let seed = given ?? UInt64.random(in: 0...UInt64(UInt32.max))
    print("\(purpose): SVS_SEED=\(seed)")
    return SeededGenerator(seed: seed)
  }

  /// SplitMix64.
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var word = state
    word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
    word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
    return word ^ word >> 31
  }
}

/// Words of ipvsadm's command lines, good ones and bad ones.
struct WordPool {
  private let commands = [
    "-A", "-E", "-D", "-C", "-a", "-e", "-d", "-L", "-l", "-S", "-R", "-Z", "--set", "-Ln", "--list",
    "--start-daemon=master", "--stop-daemon=master", "-h", "-v", "--add-service", "--add-server", "-Sn", "-AD", "",
  ]
  private let services = [
    ["-t", "10.9.9.1:80"], ["-t", "10.9.9.1"], ["-u", "10.9.9.1:53"], ["-t", "[fd00::1]:80"], ["-f", "7"],
    ["-f", "7", "-6"], ["-t10.9.9.1:80"], ["--tcp-service=vip.example:http"], ["--sctp-service", "10.9.9.1:9"],
    ["-t", "bogus:1"], ["-t"], ["-f", "x"], ["-u", "10.9.9.1:0"], ["-t", "fd00::1"],
  ]
  private let servers = [
    ["-r", "10.0.0.11:80"], ["-r", "10.0.0.12"], ["-r", "fd00::11"], ["-r", "[fd00::12]:8080"], ["-r", "0.0.0.0"],
    ["-r", "rs1.example:http"], ["-r", "224.0.0.1:80"], ["-r"], ["-r", "10.0.0.11:x"],
  ]
  private let others = [
    ["-s", "rr"], ["-s", "nosuch"], ["-s", ""], ["-p"], ["-p", "60"], ["-p", "0"], ["-M", "255.255.0.0"], ["-M", "64"],
    ["-M", "x"], ["-b", "sh-port"], ["-b", "flag-1,flag-3"], ["-b", "?"], ["-o"], ["--pe", "sip"], ["--pe", "none"],
    ["-m"], ["-g"], ["-i"], ["-F"], ["--fullnat"], ["-w", "5"], ["-w", "-1"], ["-w", "99999999999999999999"],
    ["-x", "5"], ["-y", "9"],
    ["--tun-type", "gue"], ["--tun-type", "gre"], ["--tun-port", "6080"], ["--tun-csum"], ["--tun-nocsum"], ["-n"],
    ["-c"], ["--stats"], ["--rate"], ["--exact"], ["--thresholds"], ["--persistent-conn"], ["--tun-info"], ["--nosort"],
    ["--sort"], ["--timeout"], ["--daemon"], ["-6"], ["1", "2", "3"], ["foo"], ["--"], ["-"], ["-q"], ["--bogus=1"],
    ["--mcast-interface", "lo"], ["--mcast-group", "224.0.0.99"], ["--syncid", "3"], ["--sync-maxlen", "9"],
  ]

  func line(using random: inout some RandomNumberGenerator) -> [String] {
    var line = [commands.randomElement(using: &random) ?? "-L"]
    if Bool.random(using: &random) { line += services.randomElement(using: &random) ?? [] }
    if Bool.random(using: &random) { line += servers.randomElement(using: &random) ?? [] }
    for _ in 0..<([0, 0, 1, 1, 2, 3].randomElement(using: &random) ?? 0) {
      line += others.randomElement(using: &random) ?? []
    }
    if Int.random(in: 0..<10, using: &random) == 0 { line.shuffle(using: &random) }
    return line
  }
}

/// Rules of every kind that `-S` can tell.
enum RandomRules {
  static func fill(_ store: MemoryRuleStore, using random: inout some RandomNumberGenerator) {
    for _ in 0..<Int.random(in: 0..<8, using: &random) {
      let service = identity(using: &random)
      guard (try? store.addService(service, settings(of: service, using: &random))) != nil else { continue }
      for _ in 0..<Int.random(in: 0..<8, using: &random) { try? addServer(to: service, of: store, using: &random) }
    }
  }

  private static func pick<T>(_ values: [T], _ random: inout some RandomNumberGenerator) -> T {
    values[Int.random(in: 0..<values.count, using: &random)]
  }

  private static func address(
    _ family: IPAddress.Family, using random: inout some RandomNumberGenerator
  ) -> IPAddress {
    let low = UInt32.random(in: 1...9, using: &random).bigEndian
    let prefix: UInt32 = family == .ipv4 ? 0x0a00_0000 : 0xfd00_0000
    return family == .ipv4
      ? IPAddress(family: .ipv4, words: (prefix.bigEndian | low, 0, 0, 0))
      : IPAddress(family: .ipv6, words: (prefix.bigEndian, 0, 0, low))
  }

  private static func identity(using random: inout some RandomNumberGenerator) -> ServiceIdentity {
    let family = pick([IPAddress.Family.ipv4, .ipv6], &random)
    if Int.random(in: 0..<5, using: &random) == 0 { return .mark(UInt32.random(in: 1...1000, using: &random), family) }
    let endpoint = Endpoint(address(family, using: &random), port: pick([53, 80, 443, 8080, 65535, 69], &random))
    return .address(pick([.tcp, .udp, .sctp], &random), endpoint)
  }

  private static func settings(
    of service: ServiceIdentity, using random: inout some RandomNumberGenerator
  ) -> ServiceSettings {
    var settings = ServiceSettings(scheduler: pick(MemoryRuleStore.schedulers.sorted(), &random))
    let ipv6 = service.family == .ipv6
    settings.netmask = ipv6 ? 128 : 0xffff_ffff
    if Bool.random(using: &random) {
      settings.persistence = UInt32.random(in: 1...2_678_400, using: &random)
      if Bool.random(using: &random) { settings.netmask = ipv6 ? 64 : UInt32(0xffff_ff00).bigEndian }
      if Bool.random(using: &random) { settings.persistenceEngine = "sip" }
    }
    if service.transport == .udp || service.transport == nil { settings.onePacket = Bool.random(using: &random) }
    // Flag 3 has no name under sh and mh: it cannot be told.
    let nameless = settings.scheduler == "sh" || settings.scheduler == "mh"
    if Bool.random(using: &random) {
      settings.schedulerFlags = UInt8.random(in: 0...(nameless ? 3 : 7), using: &random)
    }
    return settings
  }

  private static func addServer(
    to service: ServiceIdentity, of store: MemoryRuleStore, using random: inout some RandomNumberGenerator
  ) throws {
    var settings = ServerSettings(method: pick([.nat, .direct, .tunnel, .fullNAT], &random))
    settings.weight = pick([0, 1, 7, 65536, UInt32(Int32.max)], &random)
    if settings.method == .tunnel {
      settings.tunnel = pick([.ipip, .gue, .gre], &random)
      if settings.tunnel == .gue { settings.tunnelPort = UInt16.random(in: 1...65535, using: &random) }
      if settings.tunnel != .ipip {
        settings.tunnelFlags = pick(settings.tunnel == .gue ? [0, 1, 2] : [0, 1], &random)
      }
    }
    var port = pick([80, 8080, 0, 443] as [UInt16], &random)
    if case .address(_, let endpoint) = service, settings.method == .direct || settings.method == .tunnel {
      port = endpoint.port
    }
    let foreign = settings.method == .tunnel && Int.random(in: 0..<4, using: &random) == 0
    let family = foreign == (service.family == .ipv4) ? IPAddress.Family.ipv6 : .ipv4
    try store.addServer(Endpoint(address(family, using: &random), port: port), settings, to: service)
  }
}
