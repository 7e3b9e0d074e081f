/// Rules beside `Scenario.everything`'s.
extension Scenario {
  private static let nat: UInt8 = 0
  private static let direct: UInt8 = 1
  private static let tunnel: UInt8 = 2
  private static let fullNAT: UInt8 = 4

  private static func three(
    _ prefix: String, _ port: UInt16, _ method: UInt8, upTo threshold: UInt32 = 0, by kind: Tunnel = Tunnel()
  ) -> [Server] {
    (11...13).map { host in
      var server = Server("\(prefix)\(host)", port, method, Int32(host - 10), upTo: threshold)
      server.tunnel = kind
      return server
    }
  }

  private static func persistent(
    _ service: Service, netmask: UInt32 = ~0, engine: String = ""
  ) -> Service {
    var service = service
    (service.persistence, service.netmask, service.engine) = (300, netmask, engine)
    return service
  }

  /// Persistence in its kinds, GUE and GRE, SCTP, thresholds, one packet at a time.
  public static let more: Scenario = {
    func gue(_ flags: UInt8) -> Tunnel { Tunnel(kind: 1, port: 6080, flags: flags) }
    func gre(_ flags: UInt8) -> Tunnel { Tunnel(kind: 2, port: 0, flags: flags) }
    var single = Service("10.9.9.17", 53, 17, "rr", three("10.0.0.", 5353, nat))
    single.onePacket = true
    return Scenario(services: [
      persistent(Service("10.9.9.10", 80, 6, "rr", three("10.0.0.", 8080, nat))),
      persistent(Service("10.9.9.10", 53, 17, "wrr", three("10.0.0.", 53, direct)), engine: "sip"),
      persistent(Service("10.9.9.11", 0, 6, "lc", three("10.0.0.", 0, nat))),
      persistent(Service("10.9.9.11", 53, 17, "rr", three("10.0.0.", 5060, nat)), engine: "sip"),
      persistent(Service("fd00:9::10", 80, 6, "rr", three("fd00:a::", 80, nat)), netmask: 125),
      persistent(Service("fd00:9::10", 53, 17, "rr", three("fd00:a::", 53, tunnel)), engine: "sip"),
      Service("10.9.9.12", 80, 6, "rr", three("10.0.0.", 80, tunnel, by: gue(0))),
      Service("10.9.9.12", 53, 17, "rr", three("10.0.0.", 53, tunnel, by: gue(1))),
      Service("10.9.9.13", 80, 6, "rr", three("10.0.0.", 80, tunnel, by: gre(0))),
      Service("10.9.9.13", 53, 17, "wlc", three("fd00:a::", 53, tunnel, by: gre(1))),
      Service("fd00:9::12", 80, 6, "rr", three("fd00:a::", 80, tunnel, by: gue(2))),
      Service("fd00:9::12", 53, 17, "rr", three("10.0.0.", 53, tunnel, by: gue(1))),
      Service("fd00:9::13", 80, 6, "rr", three("fd00:a::", 80, tunnel, by: gre(1))),
      Service("10.9.9.14", 5060, 132, "rr", three("10.0.0.", 3868, nat)),
      Service("10.9.9.15", 5060, 132, "wlc", three("10.0.0.", 5060, direct)),
      Service("10.9.9.16", 5060, 132, "rr", three("10.0.0.", 5060, tunnel)),
      Service("fd00:9::14", 5060, 132, "rr", three("fd00:a::", 3868, nat)),
      Service("fd00:9::16", 5060, 132, "wrr", three("fd00:a::", 5060, tunnel, by: gue(0))),
      persistent(Service("fd00:9::15", 5060, 132, "rr", three("fd00:a::", 5060, direct))),
      Service("10.9.9.17", 80, 6, "wrr", three("10.0.0.", 80, nat, upTo: 9)),
      Service("fd00:9::17", 80, 6, "wrr", three("fd00:a::", 80, direct, upTo: 5)),
      single,
    ])
  }()

  /// FULLNAT in its kinds, beside NAT to the same servers.
  public static let fullnat: Scenario = {
    var single = Service("10.9.9.22", 53, 17, "rr", three("10.0.0.", 53, fullNAT))
    single.onePacket = true
    return Scenario(
      services: [
        Service("10.9.9.21", 80, 6, "rr", three("10.0.0.", 8080, fullNAT)),
        Service("10.9.9.21", 53, 17, "wlc", three("10.0.0.", 5353, fullNAT)),
        persistent(Service("10.9.9.22", 80, 6, "wrr", three("10.0.0.", 80, fullNAT, upTo: 9))),
        Service("10.9.9.22", 5060, 132, "rr", three("10.0.0.", 3868, fullNAT)),
        single,
        Service("fd00:9::21", 80, 6, "wrr", three("fd00:a::", 8080, fullNAT)),
        Service("fd00:9::21", 53, 17, "rr", three("fd00:a::", 53, fullNAT)),
        Service("fd00:9::22", 5060, 132, "lc", three("fd00:a::", 3868, fullNAT)),
        Service("10.9.9.23", 80, 6, "rr", three("10.0.0.", 8080, nat)),
        Service("fd00:9::23", 53, 17, "rr", three("fd00:a::", 53, nat)),
      ], pools: ["10.0.0.64/30", "10.0.0.80/32", "fd00:a::1:0/124"])
  }()

  /// FULLNAT, within address families and between them.
  public static let families: Scenario = {
    let fullNAT: UInt8 = 4
    return Scenario(services: [
      Service("10.9.9.1", 80, 6, "rr", three("fd00:a::", 8080, fullNAT)),
      Service("10.9.9.1", 53, 17, "wrr", three("fd00:a::", 5353, fullNAT)),
      Service("10.9.9.1", 5060, 132, "rr", three("fd00:a::", 3868, fullNAT)),
      Service("fd00:9::1", 80, 6, "rr", three("10.0.0.", 8080, fullNAT)),
      Service("fd00:9::1", 53, 17, "lc", three("10.0.0.", 53, fullNAT)),
      Service("fd00:9::1", 5060, 132, "wlc", three("10.0.0.", 3868, fullNAT)),
      persistent(Service("10.9.9.2", 80, 6, "rr", three("fd00:a::", 80, fullNAT))),
      persistent(Service("fd00:9::2", 53, 17, "rr", three("10.0.0.", 5060, fullNAT)), engine: "sip"),
      Service("10.9.9.3", 80, 6, "rr", three("10.0.0.", 8080, fullNAT)),
      Service("fd00:9::3", 53, 17, "rr", three("fd00:a::", 5353, fullNAT)),
      Service("10.9.9.4", 80, 6, "wrr", three("10.0.0.", 80, fullNAT) + three("fd00:a::", 80, fullNAT)),
    ])
  }()

  /// Services by firewall mark, one persistent, beside some by address.
  public static let marked: Scenario = {
    func by(_ mark: UInt32, _ service: Service) -> Service {
      var service = service
      service.mark = mark
      return service
    }
    return Scenario(services: [
      by(0x1a0a, Service("10.9.9.1", 80, 6, "rr", three("10.0.0.", 0, nat))),
      by(7, persistent(Service("10.9.9.2", 53, 17, "wlc", three("10.0.0.", 0, direct)))),
      by(0xfedc_ba98, Service("fd00:9::1", 80, 6, "rr", three("fd00:a::", 0, tunnel))),
      by(8, persistent(Service("fd00:9::2", 53, 17, "wrr", three("fd00:a::", 0, nat)))),
      Service("10.9.9.3", 80, 6, "rr", three("10.0.0.", 8080, nat)),
      Service("fd00:9::3", 80, 6, "rr", three("fd00:a::", 80, direct)),
      Service("10.9.9.4", 80, 6, "rr", []),
    ])
  }()
}
