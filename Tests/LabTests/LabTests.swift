import Glibc
import HostSystem
import Netlink
import Testing

@testable import Lab

/// Two hosts and a cable, the second with a web server that says its name.
func pairOfHosts(_ page: String) throws -> Topology {
  try Topology(
    text: """
      host client
      host server
      link client:eth0 server:eth0
      address client:eth0 10.7.0.1/24
      address server:eth0 10.7.0.2/24
      address client:eth0 fd07::1/64
      address server:eth0 fd07::2/64
      file server index.html "\(page)\\n"
      run server web listens tcp 80 -- python3 -u -m http.server -d {folder} 80
      """, file: "pair")
}

@Suite struct LabTests {
  @Test func aLabServesAndLeavesNothing() throws {
    let name = try withLab(try pairOfHosts("hello")) { lab in
      let answer = try lab.exec("client", ["curl", "-s", "-m", "5", "http://10.7.0.2/"])
      #expect(answer.succeeded && answer.output == "hello\n", "\(answer)")
      let six = try lab.exec("client", ["ping", "-6", "-c", "1", "-W", "2", "fd07::2"])
      #expect(six.succeeded, "\(six.output)\(six.errors)")
      #expect(NetworkNamespace.names().filter { $0.hasPrefix("\(lab.name)-") }.count == 2)
      return lab.name
    }
    #expect(NetworkNamespace.names().allSatisfy { !$0.hasPrefix("\(name)-") })
    #expect(access("/run/svs/labs/\(name)", F_OK) != 0)
  }

  @Test func twoLabsWithTheSameAddressesStandSideBySide() throws {
    let one = try Lab(try pairOfHosts("one"))
    let two = try Lab(try pairOfHosts("two"))
    for _ in 0..<3 {
      #expect(try one.exec("client", ["curl", "-s", "-m", "5", "http://10.7.0.2/"]).output == "one\n")
      #expect(try two.exec("client", ["curl", "-s", "-m", "5", "http://10.7.0.2/"]).output == "two\n")
    }
    try one.down()
    #expect(try two.exec("client", ["curl", "-s", "-m", "5", "http://10.7.0.2/"]).output == "two\n")
    try two.down()
    try two.down()
  }

  @Test func aNameIsTakenOnce() throws {
    let name = "twice-\(getpid())"
    let lab = try Lab(Topology(hosts: [.init("a")]), name: name)
    let error = #expect(throws: LabError.self) { _ = try Lab(Topology(hosts: [.init("a")]), name: name) }
    guard case .nameTaken(name)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    let owned = #expect(throws: LabError.self) { try Lab.down(name) }
    #expect(owned?.description.contains("still runs") == true)
    try lab.down()
  }

  @Test func aFailedBuildLeavesNothing() throws {
    let name = "broken-\(getpid())"
    var topology = try pairOfHosts("x")
    topology.hosts[0].sysctls = [.init("net.ipv4.no_such_setting", "1")]
    let error = #expect(throws: LabError.self) { _ = try Lab(topology, name: name) }
    #expect(error?.description.contains("no_such_setting") == true)
    #expect(NetworkNamespace.names().allSatisfy { !$0.hasPrefix("\(name)-") })
    #expect(access("/run/svs/labs/\(name)", F_OK) != 0)
  }

  @Test func aProcessThatEndsInsteadOfListeningIsReported() throws {
    var topology = Topology(hosts: [.init("a")])
    topology.hosts[0].processes = [
      .init("web", ["sh", "-c", "echo no such luck; exit 3"], listeners: [.init(.tcp, 80)])
    ]
    let error = #expect(throws: LabError.self) { _ = try Lab(topology) }
    #expect(error?.description.contains("web ended and said:\n  no such luck") == true, "\(String(describing: error))")
  }

  @Test func aProcessThatNeverListensIsReported() throws {
    var topology = Topology(hosts: [.init("a")])
    topology.hosts[0].processes = [.init("web", ["sleep", "1000"], listeners: [.init(.udp, 53)])]
    let error = #expect(throws: LabError.self) { _ = try Lab(topology, patience: .milliseconds(200)) }
    #expect(error?.description == "not ready in time: a: web does not listen on udp port 53")
  }

  @Test func aProgramThatIsNotThereIsReported() throws {
    let lab = try Lab(Topology(hosts: [.init("a")]))
    let error = #expect(throws: LabError.self) { try lab.exec("a", ["svs-no-such-program"]) }
    #expect(error?.description == "cannot run svs-no-such-program: No such file or directory")
    #expect(throws: LabError.self) { try lab.exec("nobody", ["true"]) }
    try lab.down()
  }

  @Test func executionTellsEverything() throws {
    try withLab(Topology(hosts: [.init("a")])) { lab in
      let both = try lab.exec("a", ["sh", "-c", "cat; echo bad >&2; exit 7"], input: Array("in\n".utf8))
      #expect(both.ending == .exited(code: 7) && both.output == "in\n" && both.errors == "bad\n")
      #expect(try lab.exec("a", ["sh", "-c", "kill -9 $$"]).ending == .killed(signal: SIGKILL))
      let large = try lab.exec("a", ["sh", "-c", "head -c 3000000 /dev/zero"])
      #expect(large.outputBytes.count == 3_000_000)
      // No descriptor of ours reaches the child.
      let open = try lab.exec("a", ["sh", "-c", "ls /proc/self/fd | wc -l"])
      #expect(open.output.split(separator: " ").first.flatMap { Int($0.filter(\.isNumber)) } == 4)
    }
  }

  @Test func aCommandThatTakesTooLongIsKilledWithItsChildren() throws {
    try withLab(Topology(hosts: [.init("a")])) { lab in
      let error = #expect(throws: LabError.self) {
        try lab.exec("a", ["sh", "-c", "sleep 1000 & sleep 1000"], timeout: .milliseconds(100))
      }
      guard case .timedOut? = error else {
        Issue.record("\(String(describing: error))")
        return
      }
      let namespace = try NetworkNamespace.named(Lab.namespaceName(lab: lab.name, host: "a"))
      let deadline = Deadline(in: .seconds(5))
      while !ProcessTable.members(of: namespace).isEmpty, !deadline.hasPassed { usleep(1000) }
      #expect(ProcessTable.members(of: namespace).isEmpty)
    }
  }

  @Test func spawnedProcessesAreStoppedOnRequestAndWithTheLab() throws {
    let lab = try Lab(Topology(hosts: [.init("a")]))
    let first = try lab.spawn(
      "a", ["python3", "-u", "-m", "http.server", "80"], name: "first", listeners: [.init(.tcp, 80)])
    // One that ignores the polite request, and one that left its parent: both go with the lab.
    let stubborn = try lab.spawn("a", ["sh", "-c", "trap '' TERM; while :; do sleep 1; done"], name: "stubborn")
    try lab.spawn("a", ["sh", "-c", "setsid sleep 1000 & echo $!"], name: "parent")
    #expect(first.isRunning && stubborn.isRunning)
    lab.stop(first)
    #expect(!first.isRunning && stubborn.isRunning)
    let namespace = try NetworkNamespace.named(Lab.namespaceName(lab: lab.name, host: "a"))
    #expect(ProcessTable.members(of: namespace).count >= 2)
    try lab.down()
    #expect(!stubborn.isRunning)
    #expect(ProcessTable.members(of: namespace).isEmpty)
  }

  @Test func linksAreMadeForXDP() throws {
    var topology = try pairOfHosts("x")
    topology.hosts[1].forwards = true
    topology.hosts[0].macs = ["eth0": try #require(MACAddress("02:00:5e:00:53:01"))]
    topology.links[0].mtu = 1400
    try withLab(topology) { lab in
      let client = try lab.inside("client") {
        try (DeviceControl().offloads("eth0"), NetlinkSocket().interface(named: "eth0"))
      }
      #expect(client.0 == [.genericReceive])
      #expect(client.1.mtu == 1400 && client.1.mac?.description == "02:00:5e:00:53:01")
      let server = try lab.inside("server") { try DeviceControl().offloads("eth0") }
      #expect(server == [.genericReceive, .genericSegmentation])
      let settings = try lab.exec(
        "server", ["cat", "/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv6/conf/all/forwarding"])
      #expect(settings.output == "1\n1\n")
    }
    topology.links[0].offloads = .untouched
    try withLab(topology) { lab in
      let on = try lab.inside("client") { try DeviceControl().offloads("eth0") }
      #expect(on.contains(.transmitChecksum))
    }
  }

  @Test func bridgesForward() throws {
    let topology = try Topology(
      text: """
        host switch
        host a
        host b
        link a:eth0 switch:p1
        link b:eth0 switch:p2
        bridge switch:br0 p1 p2
        address a:eth0 10.7.0.1/24
        address b:eth0 10.7.0.2/24
        """, file: "bridge")
    try withLab(topology) { lab in
      let answer = try lab.exec("a", ["ping", "-c", "1", "-W", "2", "10.7.0.2"])
      #expect(answer.succeeded, "\(answer.output)")
    }
  }
}

extension DeviceControl {
  /// What is on, of the offloads that matter to XDP.
  func offloads(_ interface: String) throws -> Set<Offload> {
    var on: Set<Offload> = []
    for offload in [Offload.transmitChecksum, .tcpSegmentation, .genericSegmentation, .genericReceive]
    where try isOn(offload, on: interface) {
      on.insert(offload)
    }
    return on
  }
}
