@testable import Netlink
import Testing

@testable import ClusterModel

/// What is wanted, and the steps to it, without a kernel.
@Suite struct OverlayPlanTests {
  @Test func neighbourThenForwardingThenRouteForEachPeer() throws {
    let plan = try plan(.vxlan(.init()), [lease(2), lease(3)])
    #expect(
      plan.entries.map(\.description) == [
        "address 10.244.1.0/32 of flannel.1",
        "neighbour 10.244.2.0 lladdr 02:aa:00:00:00:02 dev flannel.1",
        "fdb 02:aa:00:00:00:02 dst 192.168.0.52 dev flannel.1",
        "route 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink",
        "neighbour 10.244.3.0 lladdr 02:aa:00:00:00:03 dev flannel.1",
        "fdb 02:aa:00:00:00:03 dst 192.168.0.53 dev flannel.1",
        "route 10.244.3.0/24 via 10.244.3.0 dev flannel.1 onlink",
      ])
    let device = try #require(plan.devices.first)
    #expect(device.name == "flannel.1" && device.mtu == 1450 && device.mac.description == "02:00:00:00:00:01")
    #expect(
      device.tunnels
        == VXLANSettings(id: 1, parent: 4, local: IPAddress("192.168.0.51"), port: 8472, learns: false))
    #expect(plan.problems.isEmpty)
  }

  @Test func theOwnLeaseIsNoPeer() throws {
    let node = try OverlayPlanTests.node()
    let own = node.lease(OverlayPlanTests.configuration(.vxlan(.init())))
    #expect(try plan(.vxlan(.init()), [own]).entries.count == 1)
    #expect(try plan(.vxlan(.init()), [own]).problems.isEmpty)
  }

  @Test func anMTUThatIsSaidIsWhatTheNetworkBelowCarries() throws {
    #expect(try plan(.vxlan(.init(mtu: 1400)), []).devices.map(\.mtu) == [1350])
    #expect(try plan(.vxlan(.init(mtu: 60)), []).devices.map(\.mtu) == [68])
    // The kernel takes no more than fits.
    #expect(try plan(.vxlan(.init(mtu: 9000)), []).devices.map(\.mtu) == [1450])
    #expect(FlannelConfiguration.VXLAN().deviceMTU(outer: 1500, family: .ipv6) == 1430)
    #expect(FlannelConfiguration.VXLAN(mtu: 1400).deviceMTU(outer: 1500, family: .ipv6) == 1350)
  }

  @Test func peersOfTheOtherBackendAreReachedAsTheyCanBe() throws {
    let mixed = try plan(.vxlan(.init()), [lease(2, plain: true), lease(3)])
    #expect(mixed.entries.contains { "\($0)" == "route 10.244.2.0/24 via 192.168.0.52 dev ext0" })
    #expect(mixed.problems.isEmpty)
    let other = try plan(.hostGateway, [lease(2, plain: true), lease(3)])
    #expect(
      other.entries.map(\.description) == [
        "route 10.244.2.0/24 via 192.168.0.52 dev ext0", "route 10.244.3.0/24 via 192.168.0.53 dev ext0",
      ])
    #expect(other.lingering == ["flannel.1"])
    #expect(try plan(.hostGateway, [lease(2, plain: true)]).lingering.isEmpty)
  }

  @Test func leasesThatMakeNoSenseAreToldAndTheRestIsServed() throws {
    var twice = try lease(2)
    twice.publicIP = try #require(IPAddress("192.168.0.99"))
    var own = try lease(4)
    own.publicIP = try #require(IPAddress("192.168.0.51"))
    var outside = try lease(5)
    outside.subnet = try #require(IPPrefix("10.9.5.0/24"))
    var wide = try lease(6)
    wide.subnet = try #require(IPPrefix("10.244.0.0/16"))
    var everything = try lease(7)
    everything.subnet = .everything(.ipv4)
    var other = try lease(8)
    other.backend = .other("wireguard")
    var numbered = try lease(9, vni: 7)
    numbered.publicIP = try #require(IPAddress("172.16.0.9"))
    let plan = try plan(
      .vxlan(.init()), [lease(2), twice, own, outside, wide, everything, other, numbered, lease(3)])
    let words = plan.problems.map(\.description)
    #expect(words.count == 7, "\(words)")
    for part in [
      "10.244.2.0/24 by 192.168.0.99 overlaps with 10.244.2.0/24", "10.244.4.0/24 names 192.168.0.51",
      "10.9.5.0/24 by 192.168.0.55 is not within", "10.244.0.0/16 by 192.168.0.56 overlaps",
      "0.0.0.0/0 by 192.168.0.57 is not within", "the backend wireguard", "the vxlan network 7, this node in 1",
    ] {
      #expect(words.contains { $0.contains(part) }, "\(part): \(words)")
    }
    #expect(plan.entries.count == 1 + 3 + 3)
  }

  @Test func plainRoutesBeyondTheLinkAreRefused() throws {
    var far = try lease(2, plain: true)
    far.publicIP = try #require(IPAddress("172.16.0.2"))
    let plan = try plan(.hostGateway, [far, lease(3)])
    #expect(plan.problems == [.notOnLink(subnet: far.subnet, peer: far.publicIP, interface: "ext0")])
    #expect(plan.entries.count == 1)
  }

  @Test func fromNothing() throws {
    let plan = try plan(.vxlan(.init()), [lease(2)])
    let change = OverlayChange(from: OverlayPlanTests.network(), to: plan, owned: OverlayRecord())
    #expect(
      change.steps.map(\.description) == [
        "create flannel.1", "put address 10.244.1.0/32 of flannel.1", "set flannel.1 up",
        "put neighbour 10.244.2.0 lladdr 02:aa:00:00:00:02 dev flannel.1",
        "put fdb 02:aa:00:00:00:02 dst 192.168.0.52 dev flannel.1",
        "put route 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink",
      ])
    #expect(change.record.devices == ["flannel.1"] && change.record.entries == Set(plan.entries))
  }

  @Test func whatIsThereNeedsNothing() throws {
    let plan = try plan(.vxlan(.init()), [lease(2), lease(3)])
    let change = OverlayChange(from: OverlayPlanTests.network(holding: plan), to: plan, owned: OverlayRecord())
    #expect(change.steps.isEmpty && change.problems.isEmpty)
  }

  /// New routes take the place of old ones before anything is taken away, and the device goes last.
  @Test func theWayFromTunnelsToPlainRoutes() throws {
    let old = try plan(.vxlan(.init()), [lease(2)])
    let new = try plan(.hostGateway, [lease(2, plain: true)])
    let owned = OverlayRecord(devices: ["flannel.1"], entries: Set(old.entries))
    let change = OverlayChange(from: OverlayPlanTests.network(holding: old), to: new, owned: owned)
    #expect(
      change.steps.map(\.description) == [
        "put route 10.244.2.0/24 via 192.168.0.52 dev ext0", "delete flannel.1: it is no longer wanted",
      ])
  }

  @Test func aPeerThatLeavesGoesInReverse() throws {
    let old = try plan(.vxlan(.init()), [lease(2), lease(3)])
    let owned = OverlayRecord(devices: ["flannel.1"], entries: Set(old.entries))
    let change = OverlayChange(
      from: OverlayPlanTests.network(holding: old), to: try plan(.vxlan(.init()), [lease(3)]), owned: owned)
    #expect(
      change.steps.map(\.description) == [
        "remove route 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink",
        "remove fdb 02:aa:00:00:00:02 dst 192.168.0.52 dev flannel.1",
        "remove neighbour 10.244.2.0 lladdr 02:aa:00:00:00:02 dev flannel.1",
      ])
  }

  @Test func anotherClustersDeviceIsLeftAlone() throws {
    var plan = try plan(.vxlan(.init()), [lease(2)])
    let theirs = OverlayPlanTests.network(holding: plan)
    plan.devices[0].address = try #require(IPPrefix("10.50.1.0/32"))
    plan.devices[0].mac = try #require(MACAddress("02:00:00:00:00:77"))
    let change = OverlayChange(from: theirs, to: plan, owned: OverlayRecord())
    #expect(change.steps.isEmpty && change.record.devices.isEmpty)
    #expect(change.problems == [.foreignDevice("flannel.1", kind: "vxlan")])
  }

  /// Whatever the kernel held and whatever is wanted: the steps lead there, once, and touch nothing of others'.
  @Test func theStepsLeadToWhatIsWanted() throws {
    var random = SplitMix(seed: 0xF1A)
    for _ in 0..<300 {
      let (old, new) = (try randomPlan(&random), try randomPlan(&random))
      var model = KernelModel(holding: old)
      let foreign = OverlayEntry.route(
        OverlayRoute(
          to: try #require(IPPrefix("10.99.0.0/16")), via: try #require(IPAddress("192.168.0.9")), device: "ext0",
          isOnLink: false))
      model.entries[foreign.key] = foreign
      let owned = OverlayRecord(devices: Set(old.devices.map(\.name)), entries: Set(old.entries))
      let change = OverlayChange(from: model.network, to: new, owned: owned)
      for step in change.steps {
        let lost = model.perform(step)
        #expect(!lost, "\(step) took a route away that is wanted: \(change.steps)")
      }
      let again = OverlayChange(from: model.network, to: new, owned: change.record)
      #expect(again.steps.isEmpty, "\(again.steps) after \(change.steps)")
      #expect(model.entries[foreign.key] == foreign)
      let staying = Set(new.devices.map(\.name)).union(new.lingering)
      #expect(Set(model.devices.keys).isSubset(of: staying))
      #expect(model.entries.count == new.entries.count + 1)
    }
  }

  /// A crash between any two steps, and a new life that wants something else: nothing stale stays, nothing foreign goes.
  @Test func aCrashBetweenStepsLeavesNothingStale() throws {
    var random = SplitMix(seed: 0xC4A5)
    for _ in 0..<300 {
      let (old, new, later) = (try randomPlan(&random), try randomPlan(&random), try randomPlan(&random))
      var model = KernelModel(holding: old)
      var record = OverlayRecord(devices: Set(old.devices.map(\.name)), entries: Set(old.entries))
      let change = OverlayChange(from: model.network, to: new, owned: record)
      record.devices.formUnion(change.record.devices)
      record.entries.formUnion(change.record.entries)
      for step in change.steps.prefix(Int.random(in: 0...change.steps.count, using: &random)) {
        _ = model.perform(step)
      }
      // What the crash left is read back from the file.
      record = try OverlayRecord(text: record.text, file: "f").present(in: model.network)
      for _ in 0..<2 {
        let next = OverlayChange(from: model.network, to: later, owned: record)
        for step in next.steps { _ = model.perform(step) }
        record = next.record
      }
      #expect(Set(model.entries.values) == Set(later.entries))
      let staying = Set(later.devices.map(\.name)).union(later.lingering)
      #expect(Set(model.devices.keys).isSubset(of: staying))
    }
  }

  private func randomPlan(_ random: inout SplitMix) throws -> OverlayPlan {
    let backends: [FlannelConfiguration.Backend] = [
      .hostGateway, .vxlan(.init()), .vxlan(.init(vni: 2)), .vxlan(.init(directRouting: true)),
    ]
    let backend = backends[Int.random(in: 0..<backends.count, using: &random)]
    let peers = try (2..<10).filter { _ in Bool.random(using: &random) }.map { number in
      try lease(number, plain: Bool.random(using: &random), vni: 1, variant: Int.random(in: 0..<2, using: &random))
    }
    return try plan(backend, peers)
  }

  /// flannel's leases have 16 bits of a number that has 24.
  @Test func numbersThatLeasesCutShort() throws {
    let large = FlannelConfiguration.Backend.vxlan(.init(vni: 70_000))
    let plan = try plan(large, [lease(2, vni: 70_000 & 0xFFFF), lease(3, vni: 70_000)])
    #expect(plan.problems.isEmpty && plan.entries.count == 7)
    #expect(plan.entries.allSatisfy { $0.device == "flannel.70000" })
    let plain = try self.plan(.hostGateway, [lease(2, vni: 70_000 & 0xFFFF)])
    let owned = OverlayRecord(devices: ["flannel.70000"], entries: Set(plan.entries))
    let change = OverlayChange(from: OverlayPlanTests.network(holding: plan), to: plain, owned: owned)
    #expect(change.record.devices == ["flannel.70000"], "the peer still sends by it")
    #expect(!change.steps.contains { "\($0)".hasPrefix("delete") })
  }

  @Test func aNetworkOfIPv6Alone() throws {
    let configuration = FlannelConfiguration(
      ipv4: nil, ipv6: IPPrefix("fd10:244::/48").map { .init($0) }, backend: .vxlan(.init()))
    var node = try OverlayPlanTests.node()
    node.subnet = try #require(IPPrefix("fd10:244:0:1::/64"))
    node.publicIP = try #require(IPAddress("fd00::51"))
    var other = node
    other.subnet = try #require(IPPrefix("fd10:244:0:2::/64"))
    other.publicIP = try #require(IPAddress("fd00::52"))
    other.mac = try #require(MACAddress("02:aa:00:00:00:02"))
    let outer = OuterInterface(name: "ext0", index: 4, mtu: 1500, addresses: [node.publicIP], onLink: [])
    let plan = OverlayPlan(
      configuration: configuration, node: node, outer: outer, peers: [other.lease(configuration)])
    #expect(plan.problems.isEmpty && plan.devices.map(\.mac) == [node.mac])
    #expect(
      plan.entries.map(\.description) == [
        "address fd10:244:0:1::/128 of flannel-v6.1",
        "neighbour fd10:244:0:2:: lladdr 02:aa:00:00:00:02 dev flannel-v6.1",
        "fdb 02:aa:00:00:00:02 dst fd00::52 dev flannel-v6.1",
        "route fd10:244:0:2::/64 via fd10:244:0:2:: dev flannel-v6.1 onlink",
      ])
  }

  // MARK: - The parts

  static func configuration(_ backend: FlannelConfiguration.Backend) -> FlannelConfiguration {
    FlannelConfiguration(ipv4: IPPrefix("10.244.0.0/16").map { .init($0) }, backend: backend)
  }

  static func node() throws -> OverlayNode {
    OverlayNode(
      name: "n", subnet: try #require(IPPrefix("10.244.1.0/24")), publicIP: try #require(IPAddress("192.168.0.51")),
      mac: try #require(MACAddress("02:00:00:00:00:01")), ipv6MAC: try #require(MACAddress("02:00:00:00:00:06")))
  }

  private func plan(_ backend: FlannelConfiguration.Backend, _ peers: [SubnetLease]) throws -> OverlayPlan {
    let outer = OuterInterface(
      name: "ext0", index: 4, mtu: 1500, addresses: [try #require(IPAddress("192.168.0.51"))],
      onLink: [try #require(IPPrefix("192.168.0.0/24"))])
    return OverlayPlan(
      configuration: OverlayPlanTests.configuration(backend), node: try OverlayPlanTests.node(), outer: outer,
      peers: peers)
  }

  private func lease(_ number: Int, plain: Bool = false, vni: UInt32 = 1, variant: Int = 0) throws -> SubnetLease {
    let mac = try #require(MACAddress("02:aa:00:00:0\(variant):0\(number)"))
    return SubnetLease(
      subnet: try #require(IPPrefix("10.244.\(number).0/24")),
      publicIP: try #require(IPAddress("192.168.0.\(50 + number + 100 * variant)")),
      backend: plain ? .hostGateway : .vxlan(vni: vni, mac: mac, ipv6MAC: nil))
  }

  static func network(holding plan: OverlayPlan = .empty) -> NodeNetwork { KernelModel(holding: plan).network }
}

/// As much of a kernel as the steps touch.
private struct KernelModel {
  var devices: [String: OverlayDevice] = [:]
  var entries: [OverlayEntry.Key: OverlayEntry] = [:]
  private var wanted: Set<IPPrefix> = []

  init(holding plan: OverlayPlan) {
    for device in plan.devices { devices[device.name] = device }
    for entry in plan.entries { entries[entry.key] = entry }
  }

  /// Whether a route went away that a step before had put there.
  mutating func perform(_ step: OverlayStep) -> Bool {
    let before = routes
    switch step {
    case .createDevice(let device): devices[device.name] = device
    case .deleteDevice(let name, _):
      devices[name] = nil
      entries = entries.filter { $0.value.device != name }
    case .setMTU(let name, let mtu): devices[name]?.mtu = mtu
    case .setMAC(let name, let mac): devices[name]?.mac = mac
    case .setUp: break
    case .put(let entry):
      entries[entry.key] = entry
      if case .route(let route) = entry { wanted.insert(route.destination) }
    case .remove(let entry): if entries[entry.key] == entry { entries[entry.key] = nil }
    }
    return !before.subtracting(routes).isDisjoint(with: wanted)
  }

  private var routes: Set<IPPrefix> {
    Set(entries.values.compactMap { if case .route(let route) = $0 { route.destination } else { nil } })
  }

  var network: NodeNetwork {
    var links = [
      NodeNetwork.Link(name: "ext0", index: 4, kind: "veth", mac: nil, mtu: 1500, isUp: true, tunnels: nil)
    ]
    var numbers: [String: UInt32] = ["ext0": 4]
    for (place, device) in devices.values.sorted(by: { $0.name < $1.name }).enumerated() {
      numbers[device.name] = UInt32(10 + place)
      links.append(
        NodeNetwork.Link(
          name: device.name, index: UInt32(10 + place), kind: "vxlan", mac: device.mac, mtu: device.mtu, isUp: true,
          tunnels: device.tunnels))
    }
    var addresses: [InterfaceAddress] = []
    var neighbours: [Neighbour] = []
    var forwarding: [ForwardingEntry] = []
    var routes: [RouteEntry] = []
    for entry in entries.values {
      let index = numbers[entry.device] ?? 0
      switch entry {
      case .address(let prefix, _):
        addresses.append(InterfaceAddress(prefix: prefix, interfaceIndex: index, flags: .permanent, scope: 0))
      case .neighbour(let address, let mac, _):
        neighbours.append(
          Neighbour(address: address, interfaceIndex: index, mac: mac, state: .permanent, flags: 0, isManaged: false))
      case .forwarding(let mac, let remote, _):
        forwarding.append(ForwardingEntry(mac: mac, interfaceIndex: index, remote: remote))
      case .route(let route):
        routes.append(
          RouteEntry(
            Route(to: route.destination, via: route.gateway, interfaceIndex: index, isOnLink: route.isOnLink)))
      }
    }
    return NodeNetwork(
      links: links, addresses: addresses, neighbours: neighbours, forwarding: forwarding, routes: routes)
  }
}
