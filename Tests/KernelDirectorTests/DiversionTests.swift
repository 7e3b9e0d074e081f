import CLibbpf
import Glibc
import HostSystem
import Netlink
import Testing

@testable import KernelDirector

/// A director that is attached to nothing, and what brings it its packets.
@Suite(.serialized) struct DiversionTests {
  private let host = "172.30.0.11"

  private func withNamespace(_ body: (borrowing NetlinkSocket) throws -> Void) throws {
    let name = "svs-diverted-\(getpid())"
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

  private func traffic(_ ports: Set<UInt16>, udp: Set<UInt16> = []) throws -> DivertedTraffic {
    DivertedTraffic(
      network: try #require(IPPrefix("10.96.0.0/12")), host: try #require(IPAddress(host)),
      hostPorts: [.tcp: ports, .udp: udp], localAddress: try #require(IPAddress("10.244.1.254")))
  }

  /// The interfaces at whose ingress a program diverts.
  private func diverting(_ netlink: borrowing NetlinkSocket) throws -> [String] {
    try netlink.interfaces().filter { try DeviceIngress(interface: $0.index).program() != nil }.map(\.name)
  }

  /// Routes and addresses of IPv4; those of IPv6 come and change by themselves.
  private func fourOf(_ netlink: borrowing NetlinkSocket) throws -> Set<String> {
    let routes = try netlink.routes().filter { $0.destination.address.family == .ipv4 }.map { "\($0)" }
    return try Set(
      routes + netlink.addresses().filter { $0.prefix.address.family == .ipv4 }.map { "\($0)" })
  }

  private func service(_ address: String, _ port: UInt16) throws -> ServiceIdentity {
    .address(.tcp, Endpoint(try #require(IPAddress(address)), port: port))
  }

  private func tool(_ words: String...) throws {
    let result = try Command(words).run()
    #expect(result.ending == .exited(code: 0), "\(words): \(String(decoding: result.errors, as: UTF8.self))")
  }

  @Test func servicesAreDivertedWithoutAnyRule() throws {
    try withNamespace { netlink in
      let rules = try netlink.rules()
      let before = try fourOf(netlink)
      let director = try Director()
      try director.attachDiverting(try traffic([30_080, 65_535], udp: [53]))
      #expect(try diverting(netlink).sorted() == ["eth0", "far0", "lo"])
      #expect(try director.divertedTraffic() == traffic([30_080, 65_535], udp: [53]))
      #expect(try director.diverts(try traffic([30_080, 65_535], udp: [53])))
      #expect(try !director.diverts(try traffic([30_080])))
      // Services neither attach it anywhere nor bring rules or routes of their own.
      try director.addService(try service("10.96.0.10", 80), ServiceSettings())
      try director.addService(try service(host, 30_080), ServiceSettings())
      #expect(try netlink.interfaces().filter { $0.xdp != nil }.map(\.name) == ["svs1"])
      #expect(try netlink.rules() == rules)
      #expect(try netlink.routes(table: 21_334).isEmpty)
      #expect(try director.status()?.warnings == [])
      #expect(
        try director.status()?.diverted?.words
          == ["10.96.0.0/12", "\(host):30080/tcp", "\(host):65535/tcp", "\(host):53/udp", "10.244.1.254"])
      // The same again changes nothing, other ports what differs.
      try director.attachDiverting(try traffic([30_081]))
      #expect(try director.divertedTraffic() == traffic([30_081]))
      let pair = try netlink.interface(named: "svs0").index
      let route = try #require(try netlink.routes().first { $0.destination.description == "10.96.0.0/12" })
      #expect(route.interfaceIndex == pair && route.source == IPAddress(host) && route.mtu == 1_500)
      let local = try #require(try netlink.addresses().first { $0.prefix.description == "10.244.1.254/32" })
      #expect(local.interfaceIndex == pair && local.scope == 254)
      try director.detach([])
      #expect(try diverting(netlink) == [])
      #expect(try netlink.rules() == rules)
      #expect(try fourOf(netlink) == before)
    }
  }

  @Test func whatWasDeletedIsMadeAgain() throws {
    try withNamespace { netlink in
      let wanted = try traffic([30_080])
      try Director().attachDiverting(wanted)
      let acts: [(String, () throws -> Void)] = [
        ("pair", { try tool("ip", "link", "del", "svs0") }),
        ("down", { try tool("ip", "link", "set", "svs0", "down") }),
        ("program", { DeviceIngress(interface: if_nametoindex("eth0")).detach() }),
        ("hand-over", { try tool("tc", "qdisc", "del", "dev", "svs1", "clsact") }),
        ("stamp", { try tool("tc", "qdisc", "del", "dev", "svs0", "clsact") }),
        ("route", { try tool("ip", "route", "del", "10.96.0.0/12") }),
        ("address", { try tool("ip", "address", "del", "10.244.1.254/32", "dev", "svs0") }),
        ("new", { try tool("ip", "link", "add", "br0", "up", "type", "bridge") }),
      ]
      for (name, act) in acts {
        try act()
        #expect(try !Director().diverts(wanted), "after \(name)")
        #expect(try Director().status()?.warnings.isEmpty == false, "after \(name)")
        #expect(try Director().attach([]).isEmpty)
        #expect(try Director().diverts(wanted), "after \(name)")
        #expect(try Director().status()?.warnings == [], "after \(name)")
      }
      // A bridge's ports come and go, and are seen to in passing.
      try tool("ip", "link", "add", "port0", "up", "master", "br0", "type", "veth", "peer", "port1")
      #expect(try Director().diverts(wanted))
      try Director().divertAtNewPorts()
      #expect(try diverting(netlink).sorted() == ["br0", "eth0", "far0", "lo", "port0"])
      // Any command that changes something makes the pair again, by any process.
      try netlink.deleteLink(try netlink.interface(named: "svs0").index)
      try Director().addService(try service("10.96.0.10", 80), ServiceSettings())
      #expect(try Director().diverts(wanted))
      #expect(throws: DirectorError.isDiverted) { _ = try Director().attach(["eth0"]) }
      #expect(try netlink.interfaces().filter { $0.xdp != nil }.map(\.name) == ["svs1"])
    }
  }

  @Test func filtersOfThePairArePutBackWhereItIsAttached() throws {
    try withNamespace { _ in
      _ = try Director().attach(["eth0"])
      func isTold() throws -> Bool {
        try Director().status()?.warnings.contains { $0.contains("took the director's filter off") } ?? false
      }
      for device in ["svs0", "svs1"] {
        #expect(try !isTold(), "before \(device)")
        try tool("tc", "qdisc", "del", "dev", device, "clsact")
        #expect(try isTold(), "after \(device)")
        _ = try Director().attach(["eth0"])
      }
      #expect(try !isTold())
    }
  }

  /// BPF_TCX_INGRESS.
  private static let list = bpf_attach_type(rawValue: 46)

  /// From Linux 6.6 on.
  private static var hasLists: Bool {
    var system = utsname()
    uname(&system)
    let release = withUnsafeBytes(of: system.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    let numbers = release.split { !$0.isNumber }.prefix(2).compactMap { Int($0) }
    return numbers.lexicographicallyPrecedes([6, 6]) == false
  }

  @Test func aDeviceThatChangesItsPlaceChangesItsProgram() throws {
    try withNamespace { netlink in
      let wanted = try traffic([30_080])
      try Director().attachDiverting(wanted)
      let index = try netlink.interface(named: "far0").index
      let ingress = DeviceIngress(interface: index)
      #expect(try ingress.program()?.name == .device)
      // Somebody's program stands first, and a filter of a director that knew no lists.
      let stamp = bpf_obj_get(try PinFolder.current().pin("svs_stamp"))
      let divert = bpf_obj_get(try PinFolder.current().pin("svs_divert"))
      try #require(stamp >= 0 && divert >= 0)
      defer { for file in [stamp, divert] { close(file) } }
      let filter = TrafficControl.Place(interface: index, point: BPF_TC_INGRESS, priority: 5_356)
      if Self.hasLists {
        ingress.detach()
        #expect(bpf_prog_attach(stamp, Int32(bitPattern: index), Self.list, 0) == 0)
        try TrafficControl.attach(divert, named: "an older one's", at: filter)
      }
      try Director().attachDiverting(wanted)
      #expect(try ingress.program()?.name == .device)
      #expect((TrafficControl.program(at: filter) == nil) == Self.hasLists)
      try tool("ip", "link", "add", "br0", "up", "type", "bridge")
      try tool("ip", "link", "set", "far0", "master", "br0")
      try Director().divertAtNewPorts()
      #expect(try ingress.program()?.name == .port)
      try tool("ip", "link", "set", "far0", "nomaster")
      try Director().attachDiverting(wanted)
      #expect(try ingress.program()?.name == .device)
      #expect(try Director().diverts(wanted))
      try Director().detach([])
      #expect(try ingress.program() == nil)
      #expect((bpf_prog_detach2(stamp, Int32(bitPattern: index), Self.list) == 0) == Self.hasLists)
    }
  }

  @Test func whatOthersHaveThereStays() throws {
    try withNamespace { netlink in
      // Any filter of somebody else's: here the stamp of a director that has ended.
      try Director().attachDiverting(try traffic([80]))
      let program = bpf_obj_get(try PinFolder.current().pin("svs_stamp"))
      try #require(program >= 0)
      let index = try netlink.interface(named: "eth0").index
      let place = TrafficControl.Place(interface: index, point: BPF_TC_EGRESS, priority: 7)
      try TrafficControl.attach(program, named: "somebody's", at: place)
      // Of the list too, where the kernel has one.
      let isListed = bpf_prog_attach(program, Int32(bitPattern: index), Self.list, 0) == 0
      #expect(isListed == Self.hasLists)
      try Director().attachDiverting(try traffic([80]))
      #expect(try diverting(netlink).contains("eth0"))
      try Director().detach([])
      #expect(try diverting(netlink) == [])
      #expect(try netlink.hasFilters(interfaceIndex: index))
      #expect((bpf_prog_detach2(program, Int32(bitPattern: index), Self.list) == 0) == isListed)
      close(program)
      TrafficControl.detach(place)
      #expect(try !netlink.hasFilters(interfaceIndex: index))
      // The operator's own route for the network is not lost, and nothing is left half done.
      try tool("ip", "route", "add", "10.96.0.0/12", "via", "172.30.0.1")
      let refused = #expect(throws: DirectorError.self) { try Director().attachDiverting(try traffic([80])) }
      #expect(try #require(refused).sentence.contains("another route has that network"))
      #expect(try !Director().exists)
      #expect(try netlink.routes().contains { $0.gateway == IPAddress("172.30.0.1") })
      #expect(try netlink.interfaces().filter { $0.name.hasPrefix("svs") }.isEmpty)
    }
  }
}
