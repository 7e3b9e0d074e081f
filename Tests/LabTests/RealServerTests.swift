import Glibc
import HostSystem
import Netlink
import RealServerSetup
import Testing

@testable import Lab

/// A client and a server on one cable; the VIPs 192.0.2.9 and 2001:db8::9 are on nobody's link.
private func neighbours() throws -> Topology {
  try Topology(
    text: """
      host client
      host server
      link client:eth0 server:eth0
      address client:eth0 192.0.2.1/24
      address client:eth0 2001:db8::1/64
      address server:eth0 192.0.2.2/24
      address server:eth0 2001:db8::2/64
      # Nobody's silence needs three seconds to be believed.
      sysctl client net.ipv4.neigh.eth0.retrans_time_ms 50
      sysctl client net.ipv6.neigh.eth0.retrans_time_ms 50
      """, file: "neighbours")
}

private let arpKeys = ["net.ipv4.conf.all.arp_ignore", "net.ipv4.conf.all.arp_announce"]

@Suite struct RealServerTests {
  private func plan(_ vip: String, isTunnelled: Bool = false, _ silence: RealServerPlan.Silence = .sysctl) throws
    -> RealServerPlan
  {
    RealServerPlan(try #require(IPAddress(vip)), isTunnelled: isTunnelled, silence: silence)
  }

  /// Whether the server answers the link for an address: the neighbour entry that a ping leaves.
  private func answersOnTheLink(_ vip: String, _ lab: borrowing Lab) throws -> Bool {
    let address = try #require(IPAddress(vip))
    _ = try lab.exec("client", ["ping", "-c", "1", "-W", "1", vip])
    return try lab.inside("client") {
      let socket = try NetlinkSocket()
      let entry = try socket.neighbours().first { $0.address == address }
      try socket.removeNeighbour(address, interfaceIndex: try socket.interface(named: "eth0").index)
      return entry?.mac != nil && entry?.state.contains(.failed) == false
    }
  }

  private func settings(_ lab: borrowing Lab) throws -> [String] {
    try lab.inside("server") { try arpKeys.map { try Sysctls.get($0) } }
  }

  private func loopback(_ lab: borrowing Lab) throws -> Set<String> {
    try lab.inside("server") {
      Set(try NetlinkSocket().addresses().filter { $0.interfaceIndex == 1 }.map(\.prefix.description))
    }
  }

  private func rules(_ lab: borrowing Lab) throws -> [String] {
    try lab.exec("server", ["arptables", "-S"]).output.split(separator: "\n").map(String.init)
      .filter { $0.hasPrefix("-A") }
  }

  @Test func withoutPreparationTheServerDoesAnswer() throws {
    try withLab(try neighbours()) { lab in
      try lab.inside("server") {
        try NetlinkSocket().addAddress(try #require(IPPrefix("192.0.2.9/32")), interfaceIndex: 1)
      }
      #expect(try answersOnTheLink("192.0.2.9", lab), "else the other tests prove nothing")
    }
  }

  @Test(arguments: RealServerPlan.Silence.allCases)
  func upIsSilentAndDownPutsEverythingBack(_ silence: RealServerPlan.Silence) throws {
    try withLab(try neighbours()) { lab in
      let plan = try plan("192.0.2.9", silence)
      let before = (try settings(lab), try loopback(lab), try rules(lab))
      let first = try lab.inside("server") { try RealServer.up(plan) }
      #expect(first.count == 3, "\(first)")
      #expect(try loopback(lab).contains("192.0.2.9/32"))
      #expect(try !answersOnTheLink("192.0.2.9", lab))
      #expect(try lab.exec("server", ["ping", "-c", "1", "-W", "1", "192.0.2.9"]).succeeded)
      // The server's own address still answers.
      #expect(try answersOnTheLink("192.0.2.2", lab))
      switch silence {
      case .sysctl: #expect(try settings(lab) == ["1", "2"])
      case .arptables: #expect(try settings(lab) == before.0 && rules(lab).count == 2)
      }
      #expect(try lab.inside("server") { try RealServer.up(plan) } == [], "a second time changes nothing")
      #expect(try lab.inside("server") { try RealServer.plans() } == [plan])
      #expect(try lab.inside("server") { try RealServer.down(plan.vip) }.count == 3)
      #expect(try settings(lab) == before.0 && loopback(lab) == before.1 && rules(lab) == before.2)
      #expect(try lab.inside("server") { try RealServer.down(plan.vip) } == [])
    }
  }

  /// The request that the server itself sends must not carry the VIP as the sender's address.
  @Test(arguments: RealServerPlan.Silence.allCases)
  func whatTheServerAsksDoesNotGiveTheVIPAway(_ silence: RealServerPlan.Silence) throws {
    try withLab(try neighbours()) { lab in
      let plan = try plan("192.0.2.9", silence)
      try lab.inside("server") { _ = try RealServer.up(plan) }
      // Sent with the VIP as its source, as a real server's answers are, to an address that must be asked for.
      _ = try lab.exec("server", ["ping", "-c", "1", "-W", "1", "-I", "192.0.2.9", "192.0.2.1"])
      let learnt = try lab.inside("client") {
        try NetlinkSocket().neighbours().filter { $0.mac != nil }.map(\.address.description)
      }
      #expect(learnt.contains("192.0.2.2") && !learnt.contains("192.0.2.9"), "\(learnt)")
    }
  }

  @Test func anIPv6VIPIsSilentByItself() throws {
    try withLab(try neighbours()) { lab in
      let plan = try plan("2001:db8::9")
      #expect(try lab.inside("server") { try RealServer.up(plan) } == ["added 2001:db8::9/128 to lo"])
      #expect(try !answersOnTheLink("2001:db8::9", lab))
      #expect(try answersOnTheLink("2001:db8::2", lab))
      let added = try lab.inside("server") {
        try NetlinkSocket().addresses().first { $0.prefix.address == plan.vip }
      }
      #expect(added?.flags.contains(.deprecated) == true && added?.flags.contains(.tentative) == false)
      #expect(try settings(lab) == ["0", "0"], "nothing of IPv4 is touched")
      #expect(try lab.inside("server") { try RealServer.down(plan.vip) } == ["removed 2001:db8::9/128 from lo"])
    }
  }

  @Test func theLastVIPTakesTheSilenceAlong() throws {
    try withLab(try neighbours()) { lab in
      let one = try plan("192.0.2.9")
      let two = try plan("192.0.2.10")
      try lab.inside("server") {
        try Sysctls.set(arpKeys[1], "1")
        _ = try RealServer.up(one)
        _ = try RealServer.up(two)
        #expect(try RealServer.down(one.vip) == ["removed 192.0.2.9/32 from lo"])
      }
      #expect(try settings(lab) == ["1", "2"])
      _ = try lab.inside("server") { try RealServer.down(two.vip) }
      #expect(try settings(lab) == ["0", "1"])
    }
  }

  @Test func whatTheUserDidStays() throws {
    try withLab(try neighbours()) { lab in
      let plan = try plan("192.0.2.9")
      try lab.inside("server") {
        try NetlinkSocket().addAddress(try #require(IPPrefix("192.0.2.9/32")), interfaceIndex: 1)
        _ = try RealServer.up(plan)
        // Decided by the user after us.
        try Sysctls.set(arpKeys[0], "8")
        _ = try RealServer.down(plan.vip)
      }
      #expect(try loopback(lab).contains("192.0.2.9/32"))
      #expect(try settings(lab) == ["8", "0"])
    }
  }

  /// On the NIC itself the VIP is not silent, whatever the loopback says: the operator is told.
  @Test(arguments: ["192.0.2.9", "2001:db8::9"])
  func aVIPOnTheLinkIsToldOf(_ vip: String) throws {
    let lab = try Lab(try neighbours())
    try lab.inside("server") {
      let plan = try plan(vip)
      _ = try RealServer.up(plan)
      #expect(try RealServer.warnings(plan) == [])
      let socket = try NetlinkSocket()
      let eth0 = try socket.interface(named: "eth0").index
      try socket.addAddress(IPPrefix(plan.vip), interfaceIndex: eth0)
      let warnings = try RealServer.warnings(plan)
      #expect(warnings.count == 1 && warnings[0].contains("eth0") && warnings[0].contains(vip), "\(warnings)")
    }
    #expect(try answersOnTheLink(vip, lab))
    try lab.inside("server") {
      _ = try RealServer.down(try #require(IPAddress(vip)))
    }
    try lab.down()
  }

  @Test func repairsWhatWasUndoneByHand() throws {
    try withLab(try neighbours()) { lab in
      let plan = try plan("192.0.2.9")
      try lab.inside("server") {
        _ = try RealServer.up(plan)
        try Sysctls.set(arpKeys[0], "0")
        try NetlinkSocket().removeAddress(IPPrefix(plan.vip), interfaceIndex: 1)
        #expect(
          try RealServer.up(plan) == ["set \(arpKeys[0]) from 0 to 1", "added 192.0.2.9/32 to lo"])
        _ = try RealServer.down(plan.vip)
      }
      #expect(try settings(lab) == ["0", "0"])
    }
  }

  @Test func anotherWayToBeSilentReplacesTheFirst() throws {
    try withLab(try neighbours()) { lab in
      let (one, two) = (try plan("192.0.2.9"), try plan("192.0.2.9", .arptables))
      try lab.inside("server") {
        _ = try RealServer.up(one)
        _ = try RealServer.up(two)
      }
      #expect(try settings(lab) == ["0", "0"] && rules(lab).count == 2)
      _ = try lab.inside("server") { try RealServer.down(two.vip) }
      #expect(try rules(lab).isEmpty && !loopback(lab).contains("192.0.2.9/32"))
    }
  }

  @Test(arguments: ["0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "::", "::1", "ff02::1", "fe80::1"])
  func addressesThatAreNoVIPAreRefused(_ vip: String) throws {
    let error = #expect(throws: RealServerError.self) { try RealServer.up(try plan(vip)) }
    #expect(error?.description == "\(vip) cannot be a virtual address")
  }

  @Test func aForeignXDPProgramIsNotTouched() throws {
    try withLab(try neighbours()) { lab in
      let foreign = try ForeignProgram()
      let plan = try plan("192.0.2.9", isTunnelled: true)
      let index = try lab.inside("server") { try NetlinkSocket().interface(named: "eth0").index }
      try lab.inside("server") { try foreign.attach(index) }
      let hasTunnels = try lab.inside("server") { try kernelHasTunnels() }
      if hasTunnels {
        _ = try lab.inside("server") { try RealServer.up(plan) }
      } else {
        let error = #expect(throws: RealServerError.self) { try lab.inside("server") { try RealServer.up(plan) } }
        #expect(error?.description.contains("another owner") == true)
      }
      _ = try lab.inside("server") { try RealServer.down(plan.vip) }
      let left = try lab.inside("server") { try NetlinkSocket().interface(named: "eth0").xdp?.programID }
      #expect(left == foreign.id)
      #expect(try settings(lab) == ["0", "0"])
    }
  }
}

/// Whether a kernel has ipip; then it is used, and the decapsulator is not.
func kernelHasTunnels() throws -> Bool {
  let socket = try NetlinkSocket()
  do {
    try socket.createLink("probe", .ipip(local: IPAddress("192.0.2.200"), remote: nil))
    try socket.deleteLink(try socket.interface(named: "probe").index)
    return true
  } catch {
    guard error.code == EOPNOTSUPP else { throw error }
    return false
  }
}
