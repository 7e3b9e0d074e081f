import Glibc
import Netlink
import Testing

@testable import KernelDirector

/// A director that is attached to nothing, and the rules that bring it its packets.
@Suite(.serialized) struct RoutedTests {
  private let host = "172.30.0.11"

  private func withNamespace(_ body: (borrowing NetlinkSocket) throws -> Void) throws {
    let name = "svs-routed-\(getpid())"
    let namespace = try NetworkNamespace.create(name)
    defer { try? NetworkNamespace.delete(name) }
    try namespace.perform { () throws -> Void in
      let netlink = try NetlinkSocket()
      try netlink.setLink(try netlink.interface(named: "lo").index, up: true)
      try netlink.createLink("eth0", .veth(peer: "far0", peerNamespace: nil))
      let index = try netlink.interface(named: "eth0").index
      try netlink.addAddress(try #require(IPPrefix("\(host)/24")), interfaceIndex: index)
      try netlink.setLink(index, up: true)
      try netlink.setLink(try netlink.interface(named: "far0").index, up: true)
      defer { try? Director().detach([]) }
      try body(netlink)
    }
  }

  private func intake(_ ports: ClosedRange<UInt16>...) throws -> RoutedIntake {
    RoutedIntake(
      networks: [try #require(IPPrefix("10.96.0.0/12"))], host: IPAddress(host), hostPorts: [.tcp: ports],
      localAddresses: [try #require(IPPrefix("10.244.1.254/32"))])
  }

  /// The order in which rules of the first priority are asked, in words.
  private func order(_ netlink: borrowing NetlinkSocket) throws -> [String] {
    try netlink.rules().filter { $0.family == .ipv4 && $0.priority == 0 }.map { rule in
      if rule.target != nil { return "exit" }
      if rule.table == 255 { return "local" }
      let ports = rule.destinationPorts.map { " \($0.lowerBound)-\($0.upperBound)" } ?? ""
      return "\(rule.destination.map(\.description) ?? "all") \(rule.ipProtocol ?? 0)\(ports)"
    }
  }

  private func service(_ address: String, _ port: UInt16) throws -> ServiceIdentity {
    .address(.tcp, Endpoint(try #require(IPAddress(address)), port: port))
  }

  @Test func servicesAreRoutedAndNothingElseIs() throws {
    try withNamespace { netlink in
      let before = try netlink.rules()
      let director = try Director()
      try director.attachRouted(try intake(30_000...32_767))
      let lists = [
        "exit", "10.96.0.0/12 0", "\(host)/32 6 30000-32767", "10.244.1.254/32 6", "10.244.1.254/32 17",
        "10.244.1.254/32 1", "local",
      ]
      #expect(try order(netlink) == lists)
      #expect(try director.routedIntake() == intake(30_000...32_767))
      // Services neither attach it anywhere nor bring rules or routes of their own.
      try director.addService(try service("10.96.0.10", 80), ServiceSettings())
      try director.addService(try service(host, 30_080), ServiceSettings())
      #expect(try netlink.interfaces().filter { $0.xdp != nil }.map(\.name) == ["svs1"])
      #expect(try order(netlink) == lists)
      #expect(try netlink.routes(table: 21_334).isEmpty)
      #expect(try director.status()?.warnings == [])
      // The same again changes nothing, another intake what differs.
      try director.attachRouted(try intake(30_000...32_767))
      #expect(try order(netlink) == lists)
      try director.attachRouted(try intake(80...80))
      #expect(try Set(order(netlink)) == Set(lists).subtracting([lists[2]]).union(["\(host)/32 6 80-80"]))
      #expect(try order(netlink).last == "local" && order(netlink).first == "exit")
      try director.clear()
      #expect(try order(netlink).count == lists.count)
      try director.detach([])
      #expect(try netlink.rules() == before)
      #expect(try netlink.routes(table: 21_338).isEmpty)
      #expect(try !netlink.routes(table: 255).contains { $0.destination.description == "10.244.1.254/32" })
    }
  }

  @Test func whatWasDeletedIsMadeAgain() throws {
    try withNamespace { netlink in
      try Director().attachRouted(try intake(30_000...32_767))
      try netlink.deleteLink(try netlink.interface(named: "svs0").index)
      #expect(try netlink.routes(table: 21_338).isEmpty)
      // Any command that changes something, by any process.
      try Director().addService(try service("10.96.0.10", 80), ServiceSettings())
      let pair = try netlink.interface(named: "svs0").index
      let route = try #require(try netlink.routes(table: 21_338).first)
      #expect(route.interfaceIndex == pair && route.source == IPAddress(host) && route.mtu == 1_500)
      // Without the rule by which packets leave the pair they would go round.
      let exit = try #require(try netlink.rules().first { $0.inputInterface == "svs1" && $0.target != nil })
      try netlink.removeRule(exit)
      #expect(try Director().status()?.warnings.count == 1)
      try netlink.addRule(exit)
      #expect(try order(netlink).last == "exit")
      try Director().attachRouted(try intake(30_000...32_767))
      #expect(try order(netlink).first == "exit" && order(netlink).last == "local")
    }
  }

  @Test func aLocalTableThatWasMovedAwayAndBackIsFound() throws {
    try withNamespace { netlink in
      let local = try #require(try netlink.rules().first { $0.family == .ipv4 && $0.priority == 0 })
      var own = local
      own.maker = 3
      try netlink.addRule(own, duplicating: true)
      try netlink.removeRule(local)
      try Director().attachRouted(try intake(80...80))
      #expect(try order(netlink).filter { $0 == "local" }.count == 1 && order(netlink).last == "local")
    }
  }

  @Test func attachingPutsTheRulesRightAndAttachesNothing() throws {
    try withNamespace { netlink in
      let wanted = try intake(30_000...32_767)
      try Director().attachRouted(wanted)
      #expect(try Director().isSent(wanted))
      #expect(throws: DirectorError.isRouted) { _ = try Director().attach(["eth0"]) }
      let before = try order(netlink)
      let network = try #require(try netlink.rules().first { $0.destination?.description == "10.96.0.0/12" })
      try netlink.removeRule(network)
      #expect(try !Director().isSent(wanted))
      let warnings = try Director().status()?.warnings ?? []
      #expect(warnings.count == 1 && warnings[0].contains("'svs attach' makes them again"), "\(warnings)")
      #expect(try Director().attach([]).isEmpty)
      #expect(try Director().isSent(wanted))
      #expect(try order(netlink).sorted() == before.sorted())
      #expect(try order(netlink).first == "exit" && order(netlink).last == "local")
      #expect(try Director().status()?.intake == wanted)
      #expect(try netlink.interfaces().filter { $0.xdp != nil }.map(\.name) == ["svs1"])
      for rule in try netlink.rules() where rule.table == 21_338 || rule.prohibits { try netlink.removeRule(rule) }
      #expect(throws: DirectorError.intakeUnknown) { _ = try Director().attach([]) }
    }
  }
}
