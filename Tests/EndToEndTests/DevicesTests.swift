import Netlink
import Testing

@testable import Lab

/// Devices at the director that take no redirected frames, or tag them.
@Suite struct DevicesTests {
  @Test func serversBehindABridge() async throws { try await balance(back: .bridge) }

  @Test(.enabled(if: Stage.Side.bond.isAvailable, "this kernel has no bonds"))
  func serversBehindABond() async throws { try await balance(back: .bond) }

  @Test(.enabled(if: Stage.Side.vlan.isAvailable, "this kernel has no VLAN devices"))
  func serversBehindAVLAN() async throws { try await balance(back: .vlan) }

  @Test(.enabled(if: Stage.Side.vlan.isAvailable, "this kernel has no VLAN devices"))
  func serversBehindAVLANOfABridge() async throws { try await balance(back: .vlanOnBridge) }

  @Test func serversBehindAVXLAN() async throws { try await balance(back: .vxlan) }

  @Test func clientsBehindABridge() async throws { try await balance(front: .bridge) }

  @Test(.enabled(if: Stage.Side.bond.isAvailable, "this kernel has no bonds"))
  func clientsBehindABond() async throws { try await balance(front: .bond) }

  @Test(.enabled(if: Stage.Side.vlan.isAvailable, "this kernel has no VLAN devices"))
  func clientsBehindAVLAN() async throws { try await balance(front: .vlan) }

  /// All methods over both IP versions, towards the servers and back, through these devices.
  private func balance(front: Stage.Side = .plain, back: Stage.Side = .plain) async throws {
    try await withDirector(Stage.network(front: front, back: back)) { director in
      if back == .vxlan {
        // Made without a device below, it does not know how much of 1,500 bytes its own headers take.
        for (host, device) in [("director", "back"), ("backswitch", "vx0")] {
          try director.run(host, ["ip", "link", "set", device, "mtu", "1450"])
        }
      }
      try director.startServers()
      try director.addServices(net: 2)
      for c in Case.all { try director.exchange(c) }
      let handedOver = try director.drops()["handed-over"] ?? 0
      // A VLAN's frames go tagged to the device below, which takes them; the others need the kernel.
      let needsKernel = ![.plain, .vlan].contains(front) || ![.plain, .vlan].contains(back)
      if needsKernel { #expect(handedOver > 100) } else { #expect(handedOver < 100) }
    }
  }

  /// Tags that are really in the frames, as a driver without VLAN offload delivers them.
  @Test(.enabled(if: Stage.Side.vlan.isAvailable, "this kernel has no VLAN devices"))
  func taggedFramesAreBalanced() async throws {
    try await withDirector(Stage.network(front: .vlan, back: .vlan)) { director in
      for number in 1...3 {
        for interface in ["eth0-port", "eth1-port"] {
          try director.run("rs\(number)", ["ethtool", "-K", interface, "txvlan", "off"])
        }
      }
      try director.run("client", ["ethtool", "-K", "eth0-port", "txvlan", "off"])
      for host in ["switch", "backswitch"] {
        for port in 0...3 { try director.run(host, ["ethtool", "-K", "port\(port)", "txvlan", "off"]) }
      }
      try director.run("switch", ["ethtool", "-K", "port4", "txvlan", "off"])
      // The parents are attached by name, so that the frames come with their tags.
      try director.svs("attach front-port back-port")
      try director.startServers()
      try director.addServices(net: 2)
      for c in Case.all { try director.exchange(c) }
      // A service without servers is refused with the tag that the request came with.
      try director.ipvsadm("-A -t 10.1.0.100:81 -s rr")
      let refused = try director.lab.exec("client", ["curl", "-sS", "-m", "5", "http://10.1.0.100:81/"])
      #expect(refused.ending == .exited(code: 7), "\(refused.errors)")
    }
  }
}

extension DirectorLab {
  /// What `exchange` asks for, of every method over both IP versions.
  func addServices(net: Int) throws {
    try add(
      Case.all.flatMap { c in
        rules(c, net: net) + rules(c, port: 9001, net: net) + rules(c, "-u", port: 9000, net: net)
      })
  }

  /// Adds what `exchange` asks for, and asks.
  func balance(_ c: Case, net: Int?) throws {
    try add(rules(c, net: net) + rules(c, port: 9001, net: net) + rules(c, "-u", port: 9000, net: net))
    try exchange(c)
  }

  /// Requests, datagrams and an upload of 2 MB, by every server.
  func exchange(_ c: Case) throws {
    #expect(tally(try fetch(c, 6)) == ["rs1": 2, "rs2": 2, "rs3": 2], "\(c)")
    #expect(tally(try ask(c, 6)) == ["rs1": 2, "rs2": 2, "rs3": 2], "\(c)")
    try upload(c, 2_000_000)
  }
}
