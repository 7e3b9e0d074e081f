import Glibc
import HostSystem
import Netlink
import Testing

@testable import Lab

/// Labs that change while they are up, and files in /etc that only a host's programs see.
@Suite struct ChangingTests {
  /// A switch with one host on it.
  private func bridged() throws -> Topology {
    try Topology(
      text: """
        host switch
        host a
        link a:eth0 switch:p1
        bridge switch:br0 p1
        address a:eth0 10.9.0.1/24
        """, file: "bridged")
  }

  private func newcomer() throws -> Topology.Host {
    Topology.Host(
      // The same each time: its neighbours may still know it from before.
      "b", macs: ["eth0": try #require(MACAddress("02:00:5e:00:53:02"))],
      addresses: [.init("eth0", try #require(IPPrefix("10.9.0.2/24")))],
      routes: [.init(to: try #require(IPPrefix("10.96.0.0/12")), isUnreachable: true)],
      etc: [.init("hosts", "10.9.0.1 a\n")])
  }

  private func add(_ host: Topology.Host, to lab: borrowing Lab) throws {
    try lab.add(
      [host], links: [.init(.init("b", "eth0"), .init("switch", "p2"))], ports: [.init("switch", "p2"): "br0"])
  }

  @Test func aHostComesAndGoes() throws {
    try withLab(try bridged()) { lab in
      let before = lab.topology
      for _ in 0..<2 {
        try add(try newcomer(), to: lab)
        #expect(try lab.exec("a", ["ping", "-c", "1", "-W", "2", "10.9.0.2"]).succeeded)
        #expect(try lab.exec("b", ["ping", "-c", "1", "-W", "2", "a"]).succeeded, "by the name in its own /etc/hosts")
        #expect(try lab.exec("a", ["cat", "/etc/hosts"]).output == (try Files.text("/etc/hosts")))
        let refused = try lab.exec("b", ["ping", "-c", "1", "10.97.0.1"])
        #expect(!refused.succeeded && (refused.output + refused.errors).contains("No route to host"), "\(refused)")
        let web = Topology.Process(
          "web", ["python3", "-m", "http.server", "80"], listeners: [.init(.tcp, 80)])
        try lab.start([.init(web, on: "b")])
        let process = try #require(lab.processes(on: "b").last)
        #expect(process.isRunning && process.name == "web")
        try lab.remove("b")
        #expect(!process.isRunning)
        #expect(lab.topology == before)
        #expect(!NetworkNamespace.names().contains("\(lab.name)-b"))
        #expect(access("/etc/netns/\(lab.name)-b", F_OK) != 0)
        #expect(try !lab.exec("switch", ["ip", "-br", "link"]).output.contains("p2"))
      }
    }
  }

  @Test func aHostThatCannotBeAddedLeavesNothing() throws {
    try withLab(try bridged()) { lab in
      let before = lab.topology
      var host = try newcomer()
      host.routes.append(.init(to: try #require(IPPrefix("10.50.0.0/16")), via: IPAddress("10.77.0.1")))
      #expect(throws: LabError.self) { try add(host, to: lab) }
      #expect(lab.topology == before)
      #expect(!NetworkNamespace.names().contains("\(lab.name)-b"))
      #expect(try !lab.exec("switch", ["ip", "-br", "link"]).output.contains("p2"))
      // The way is free for one that can.
      try add(try newcomer(), to: lab)
      #expect(try lab.exec("a", ["ping", "-c", "1", "-W", "2", "10.9.0.2"]).succeeded)
    }
  }

  @Test func whatALabOwnsElsewhereGoesWithIt() throws {
    let path = "/tmp/svs-lab-\(getpid())-own"
    try withLab(try bridged()) { lab in
      try lab.own(path)
      try Files.makeFolder("\(path)/inner")
      try Files.write("x", to: "\(path)/inner/file")
      #expect(throws: LabError.self) { try lab.own("not/absolute") }
    }
    #expect(access(path, F_OK) != 0)
  }

  /// `ip netns del` takes the name alone: the programs inside go on, with their children.
  @Test func programsEndThoughTheirNamespacesNameIsGone() throws {
    let lab = try Lab(Topology(hosts: [.init("a"), .init("b")]))
    let first = try lab.spawn("a", ["sh", "-c", "sleep 1000 & wait"], name: "first")
    let second = try lab.spawn("b", ["sleep", "1000"], name: "second")
    let namespace = try NetworkNamespace.named(Lab.namespaceName(lab: lab.name, host: "a"))
    for host in ["a", "b"] { try NetworkNamespace.delete(Lab.namespaceName(lab: lab.name, host: host)) }
    try lab.remove("a")
    #expect(!first.isRunning && second.isRunning)
    #expect(ProcessTable.members(of: namespace).isEmpty)
    try lab.down()
    #expect(!second.isRunning)
    #expect(access("/run/svs/labs/\(lab.name)", F_OK) != 0)
  }

  @Test func aLabWhoseFolderIsGoneGoesFromMemory() throws {
    let lab = try Lab(Topology(hosts: [.init("a", etc: [.init("hosts", "127.0.0.1 localhost\n")])]))
    let (name, folder) = (lab.name, lab.folder)
    let process = try lab.spawn("a", ["sleep", "1000"], name: "nap")
    let wasLost = lab.isLost
    #expect(!wasLost)
    try Files.remove(folder)
    let isLost = lab.isLost
    #expect(isLost)
    let names = lab.processes(on: "a").map(\.name)
    #expect(names == ["nap"])
    // Another lab may have the name meanwhile, and keeps its folder.
    let other = try Lab(Topology(hosts: [.init("z")]), name: name)
    try lab.down()
    #expect(!process.isRunning)
    #expect(NetworkNamespace.names().filter { $0.hasPrefix("\(name)-") } == ["\(name)-z"])
    #expect(access("/etc/netns/\(name)-a", F_OK) != 0)
    let othersIsLost = other.isLost
    #expect(!othersIsLost)
    try other.down()
    #expect(access(folder, F_OK) != 0)
  }

  @Test func aLabThatIsNoLongerWantedIsNotBuilt() throws {
    let name = "unwanted-\(getpid())"
    let error = #expect(throws: LabError.self) { _ = try Lab(try bridged(), name: name, isAbandoned: { true }) }
    guard case .abandoned? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(NetworkNamespace.names().allSatisfy { !$0.hasPrefix("\(name)-") })
    #expect(access("/run/svs/labs/\(name)", F_OK) != 0)
  }

  @Test func aProcessThatEndsInsteadOfListeningIsAnError() throws {
    try withLab(try bridged()) { lab in
      let process = Topology.Process("quitter", ["sh", "-c", "echo no >&2"], listeners: [.init(.tcp, 80)])
      let error = #expect(throws: LabError.self) { try lab.start([.init(process, on: "a")]) }
      #expect(error?.description == "a: quitter ended and said:\n  no")
    }
  }
}
