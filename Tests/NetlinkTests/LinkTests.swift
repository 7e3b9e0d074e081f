import Glibc
import Testing

@testable import Netlink

@Suite struct LinkTests {
  @Test func aNewNamespaceHasOnlyALoopbackThatIsDown() throws {
    let scratch = try Scratch()
    let interfaces = try scratch.socket().interfaces()
    #expect(interfaces.names == ["lo"])
    #expect(interfaces.first?.flags.contains(.loopback) == true)
    #expect(interfaces.first?.flags.contains(.up) == false)
    #expect(interfaces.first?.hardwareType == 772)
  }

  @Test func aVethPairAcrossNamespaces() throws {
    let pair = try Pair()
    let left = try pair.a.socket().interface(named: "left")
    let right = try pair.b.socket().interface(named: "right")
    #expect(left.kind == "veth")
    #expect(left.link == right.index)
    #expect(left.linkNamespaceID != nil)
    #expect(left.mac != nil && left.mac != right.mac)
    #expect(left.flags.contains([.up, .lowerUp]))
    #expect(try pair.a.socket().interfaces().names == ["lo", "left"])
  }

  @Test func settingsAreReadBack() throws {
    let pair = try Pair()
    let socket = try pair.a.socket()
    let mac = try #require(MACAddress("02:00:5e:00:53:07"))
    try socket.setLink(pair.aIndex, up: false)
    try socket.setLink(pair.aIndex, mac: mac)
    try socket.setLink(pair.aIndex, mtu: 1400)
    try socket.renameLink(pair.aIndex, to: "renamed")
    let interface = try socket.interface(at: pair.aIndex)
    #expect(interface.mac == mac)
    #expect(interface.mtu == 1400)
    #expect(interface.name == "renamed")
    #expect(!interface.flags.contains(.up))
  }

  @Test func bridgesAndTheirPorts() throws {
    let pair = try Pair()
    let socket = try pair.a.socket()
    try socket.createLink("br", .bridge)
    let bridge = try socket.interface(named: "br")
    #expect(bridge.kind == "bridge")
    try socket.setLink(pair.aIndex, master: bridge.index)
    #expect(try socket.interface(named: "left").master == bridge.index)
    try socket.setLink(pair.aIndex, master: nil)
    #expect(try socket.interface(named: "left").master == nil)
    try socket.deleteLink(bridge.index)
    #expect(throws: NetlinkError.self) { try socket.interface(named: "br") }
  }

  @Test(arguments: [(UInt16(42), UInt16(0x8100)), (7, 0x88A8)])
  func vlans(_ id: UInt16, _ protocolType: UInt16) throws {
    let pair = try Pair()
    let socket = try pair.a.socket()
    guard try made(socket, "tagged", .vlan(parent: pair.aIndex, id: id, protocolType: protocolType)) else { return }
    let tagged = try socket.interface(named: "tagged")
    #expect(tagged.kind == "vlan" && tagged.link == pair.aIndex)
    #expect(tagged.vlan == Interface.VLAN(id: id, protocolType: protocolType))
  }

  @Test func otherKinds() throws {
    let pair = try Pair()
    let socket = try pair.a.socket()
    let vxlan = NewLink.vxlan(
      id: 99, parent: pair.aIndex, local: IPAddress("10.9.0.1"), remote: IPAddress("10.9.0.2"), port: 4789)
    let links: [(String, NewLink)] = [
      ("agg", .bond(mode: 1)), ("vx", vxlan), ("four", .ipip(local: IPAddress("10.9.0.1"), remote: nil)),
      ("any", .ip6TunnelFromAnywhere), ("six", .ip6Tunnel(local: IPAddress("fd09::1"), remote: nil)),
      ("sixfour", .sit(local: IPAddress("10.9.0.1"), remote: nil)),
    ]
    for (name, link) in links where try made(socket, name, link) {
      #expect(try socket.interface(named: name).kind == link.kind)
    }
  }

  /// Whether the link was made; the only excuse for no is a kernel without this kind of device, which is said aloud.
  private func made(_ socket: borrowing NetlinkSocket, _ name: String, _ link: NewLink) throws -> Bool {
    do {
      try socket.createLink(name, link)
      return true
    } catch {
      guard error.code == EOPNOTSUPP, error.detail == "Unknown device type" else { throw error }
      print("NOT TRIED: this kernel has no \(link.kind) devices")
      return false
    }
  }

  @Test func aMovedLinkLeavesAndArrives() throws {
    let pair = try Pair()
    let third = try Scratch()
    let socket = try pair.a.socket()
    try socket.moveLink(pair.aIndex, to: third.namespace)
    #expect(try socket.interfaces().names == ["lo"])
    #expect(try third.socket().interface(named: "left").kind == "veth")
  }

  @Test func errorsSayWhatWasTriedAndWhy() throws {
    let scratch = try Scratch()
    let socket = try scratch.socket()
    try socket.createLink("br", .bridge)
    let taken = #expect(throws: NetlinkError.self) { try socket.createLink("br", .bridge) }
    #expect(taken?.code == EEXIST)
    #expect(taken?.description.hasPrefix("cannot create the bridge link br: File exists") == true)
    let missing = #expect(throws: NetlinkError.self) { try socket.interface(named: "nowhere") }
    #expect(missing?.code == ENODEV)
    // A kind that no kernel has: the kernel's own words come through.
    let index = try socket.interface(named: "br").index
    let refused = #expect(throws: NetlinkError.self) { try socket.setLink(index, mtu: 10_000_000) }
    #expect(refused?.code == EINVAL && refused?.detail != nil, "\(String(describing: refused))")
  }

  @Test(arguments: ["", "a name", "a/b", "sixteen-bytes-xx", ".."])
  func badNamesAreRefusedBeforeTheKernelIsAsked(_ name: String) throws {
    let scratch = try Scratch()
    let socket = try scratch.socket()
    #expect(throws: NetlinkError.self) { try socket.createLink(name, .bridge) }
    #expect(try socket.interfaces().names == ["lo"])
  }

  @Test func hundredsOfLinksAreAllListed() throws {
    let scratch = try Scratch()
    let socket = try scratch.socket()
    for number in 0..<300 { try socket.createLink("br\(number)", .bridge) }
    #expect(try socket.interfaces().names.count == 301)
  }

  @Test func offloadsAreSetAndRead() throws {
    let pair = try Pair()
    let control = try pair.a.namespace.perform { () throws(NetlinkError) in try DeviceControl() }
    #expect(try control.driver(of: "left") == "veth")
    // Segmentation needs the checksum, so that the checksum comes last.
    for offload in [Offload.tcpSegmentation, .genericSegmentation, .genericReceive, .transmitChecksum] {
      let before = try control.isOn(offload, on: "left")
      try control.set(offload, !before, on: "left")
      #expect(try control.isOn(offload, on: "left") == !before, "\(offload)")
    }
    #expect(throws: NetlinkError.self) { try control.driver(of: "nowhere") }
  }

  @Test func xdpFeaturesOfAVeth() throws {
    let pair = try Pair()
    let features = try pair.a.socket(.generic).xdpFeatures()
    guard let features else {
      // Only a kernel before 6.3 may know nothing.
      var name = utsname()
      uname(&name)
      let release = withUnsafeBytes(of: &name.release) { $0.terminatedText }.split(separator: ".").compactMap {
        Int($0)
      }
      #expect(release.lexicographicallyPrecedes([6, 3]))
      return
    }
    let left = try #require(features[pair.aIndex])
    #expect(left.contains([.basic, .redirect]))
    #expect(features[1]?.contains(.basic) != true, "the loopback takes no native XDP")
  }

  @Test func anUnknownGenericFamilyIsNoError() throws {
    #expect(try NetlinkSocket(.generic).genericFamily("svs-no-such") == nil)
  }
}

extension [Interface] {
  /// The names, without the fallback devices that a kernel with tunnels puts into every namespace.
  fileprivate var names: [String] {
    map(\.name).filter { !["tunl0", "ip6tnl0", "sit0", "gre0", "gretap0", "erspan0", "ip6gre0"].contains($0) }
  }
}
