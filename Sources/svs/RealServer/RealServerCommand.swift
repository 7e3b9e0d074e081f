import ArgumentParser
import Netlink
import RealServerSetup

/// `svs real-server`: what a user does on a real server for direct routing and tunnelling.
struct RealServerCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "real-server",
    abstract: "Make this host a real server for a VIP under DR or TUN, and unmake it.",
    discussion: """
      A real server takes packets for the VIP, which is on its loopback, and keeps quiet about it on the link, where \
      the director answers for it. Under NAT a real server needs none of this, only the director as its gateway.

      EXAMPLES
        svs real-server up 192.168.0.200
        svs real-server up 192.168.0.200 --tun
        svs real-server down 192.168.0.200
      """,
    subcommands: [Up.self, Down.self, List.self])
}

extension RealServerCommand {
  struct Up: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Prepare this host for a VIP.",
      discussion: """
        IPv4: the VIP is put on lo, and the host kept from answering for it, by arp_ignore=1 and arp_announce=2 or by \
        arptables. IPv6 needs no silencing: a host answers only for addresses of the interface it is asked by.

        With --tun requests come in an IP tunnel: the kernel's tunnel device (tunl0, or one of ip6tnl) is brought up, or where \
        the kernel has none, an XDP program is attached that unpacks packets for the VIP. The kernel's \
        device is for tunnels of the VIP's own IP version.

        Doing it again repairs what was changed since, and prints nothing if nothing was.
        """)

    @Argument(help: ArgumentHelp("The virtual address.", valueName: "VIP"))
    var vip: IPAddress

    @Flag(help: "Requests come in a tunnel.")
    var tun = false

    @Option(help: ArgumentHelp("How to keep quiet: sysctl or arptables.", valueName: "way"))
    var arp: RealServerPlan.Silence = .sysctl

    func run() throws {
      try reporting { () throws(RealServerError) in
        let plan = RealServerPlan(vip, isTunnelled: tun, silence: arp)
        for line in try RealServer.up(plan) { print(line) }
        try RealServer.warnings(plan).forEach(warn)
      }
    }
  }

  struct Down: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Undo what 'up' did for a VIP, and nothing else.")

    @Argument(help: ArgumentHelp("The virtual address.", valueName: "VIP"))
    var vip: IPAddress

    func run() throws {
      try reporting { () throws(RealServerError) in
        for line in try RealServer.down(vip) { print(line) }
      }
    }
  }

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show the VIPs that this host was prepared for.")

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
      let plans = try reporting { () throws(RealServerError) in try RealServer.plans() }
      if json { return printJSON(plans.map(JSONValue.init)) }
      for plan in plans {
        let silence = plan.vip.family == .ipv4 ? "ARP silenced by \(plan.silence.rawValue)" : ""
        print("\("\(plan.vip)".padded(40)) \(plan.isTunnelled ? "tunnelled" : "direct   ") \(silence)")
      }
    }
  }
}

extension JSONValue {
  init(_ plan: RealServerPlan) {
    self = .object([
      ("vip", .string("\(plan.vip)")), ("tunnelled", .bool(plan.isTunnelled)),
      ("arp", plan.vip.family == .ipv4 ? .string(plan.silence.rawValue) : .null),
    ])
  }
}

extension IPAddress: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
}

extension RealServerPlan.Silence: ExpressibleByArgument {}
