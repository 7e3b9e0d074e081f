import ClusterModel
import Glibc
import HostSystem
import Netlink
import Synchronization

@testable import NetworkReport

/// Two network namespaces with a cable between them: the least that a report can be made of.
///
/// Left are node1 and its pod, right are node2 and its pod, each at an address of its own. Our hooks are played by
/// rules of nftables.
final class TwoNamespaces: MeasuredNetwork {
  static let left = "svsreport-left"
  static let right = "svsreport-right"
  static let instruments: String = {
    let path = CommandLine.arguments[0]
    return String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)]) + "/svs-instruments"
  }()

  let stop: StopRequest
  let initialBackend = "vxlan"
  let switches = Mutex<[String]>([])
  /// For each load, which tables of nftables the kernel heeded meanwhile: left, and right.
  let heeded = Mutex<[[String]]>([])
  private let programs = Mutex<[pid_t]>([])

  init(_ stop: StopRequest) throws {
    self.stop = stop
    guard geteuid() == 0 else { throw MeasuringError("This test makes network namespaces: run it as root.") }
    guard access(Self.instruments, X_OK) == 0 else {
      throw MeasuringError("\(Self.instruments) is missing: build the whole package, 'swift build'.")
    }
    Self.remove()
    do {
      for words in Self.commands { try Self.command(words) }
    } catch {
      Self.remove()
      throw error
    }
  }

  deinit {
    for pid in programs.withLock({ $0 }) { end(pid) }
    Self.remove()
  }

  private static let commands: [[String]] = {
    var commands = [
      ["ip", "netns", "add", left], ["ip", "netns", "add", right],
      ["ip", "link", "add", "cable", "netns", left, "type", "veth", "peer", "name", "cable", "netns", right],
    ]
    for (name, addresses) in [(left, ["10.93.0.1/24", "10.93.1.1/32"]), (right, ["10.93.0.2/24", "10.93.2.1/32"])] {
      commands += addresses.map { ["ip", "-n", name, "addr", "add", $0, "dev", "cable"] }
      commands += [["ip", "-n", name, "link", "set", "cable", "up"], ["ip", "-n", name, "link", "set", "lo", "up"]]
    }
    return commands + [
      ["ip", "-n", left, "route", "add", "default", "via", "10.93.0.2"],
      ["ip", "-n", right, "route", "add", "default", "via", "10.93.0.1"],
    ]
  }()

  private static func command(_ words: [String]) throws {
    let output = try InterruptibleCommand.run(words, timeout: .seconds(10), stop: nil)
    guard output.succeeded else { throw MeasuringError("\(words.joined(separator: " ")): \(output.complaint)") }
  }

  private static func remove() {
    for name in [left, right] {
      _ = try? InterruptibleCommand.run(["ip", "netns", "del", name], timeout: .seconds(10), stop: nil)
    }
  }

  var summary: ClusterSummary {
    ClusterSummary(
      name: "two namespaces", isLab: true, podNetwork: "10.93.0.0/16",
      nodes: [
        .init(name: "node1", address: "10.93.0.1", podSubnet: "10.93.1.0/24"),
        .init(name: "node2", address: "10.93.0.2", podSubnet: "10.93.2.0/24"),
      ],
      pods: [
        .init(name: "pod1", node: "node1", address: "10.93.1.1"),
        .init(name: "pod2", node: "node2", address: "10.93.2.1"),
      ],
      services: [])
  }

  var targets: ReportTargets {
    ReportTargets(
      accesses: [
        .init(.nodeByClusterIP, from: "node1", url: "http://10.93.0.2:8000/"),
        .init(.podByServiceName, from: "pod1", url: "http://10.93.2.1:8000/"),
        .init(.outsideByIngress, from: "pod1", url: "http://shop.test:8000/", address: address("10.93.2.1")),
      ],
      clientNode: .init("node1", address("10.93.0.1")), serverNode: .init("node2", address("10.93.0.2")),
      clientPod: .init("pod1", address("10.93.1.1")), serverPod: .init("pod2", address("10.93.2.1")),
      spareServiceAddresses: IPPrefix(address("10.93.128.0"), length: 17),
      podNetwork: IPPrefix(address("10.93.0.0"), length: 16),
      clusterServices: [
        ServicePort(
          name: .init(service: "names"), transport: .udp, clusterIP: address("10.93.100.10"), port: 53,
          nodePort: 30_053,
          endpoints: [Endpoint(address("10.93.2.1"), port: 53)])
      ])
  }

  func run(
    _ host: String, _ arguments: [String], input: [UInt8], timeout: Duration
  ) throws(MeasuringError) -> CommandOutput {
    if arguments.contains("load") {
      let tables = try awakeTables(of: "node1") + awakeTables(of: "node2")
      heeded.withLock { $0.append(tables) }
    }
    return try InterruptibleCommand.run(inside(host) + arguments, input: input, timeout: timeout, stop: stop)
  }

  private func awakeTables(of node: String) throws(MeasuringError) -> [String] {
    let rules = try InterruptibleCommand.run(
      inside(node) + ["nft", "list", "ruleset"], timeout: .seconds(10), stop: stop)
    let lines = rules.output.split(separator: "\n")
    return lines.indices.compactMap { index in
      let words = lines[index].split(separator: " ")
      guard words.first == "table", words.count == 4 else { return nil }
      let isAsleep = lines[index...].dropFirst().first?.contains("flags dormant") == true
      return isAsleep ? nil : "\(node) \(words[2])"
    }
  }

  func start(_ host: String, _ arguments: [String]) throws(MeasuringError) -> BackgroundProgram {
    do throws(SystemError) {
      let null = try Descriptor(checking: open("/dev/null", O_RDWR | O_CLOEXEC), "open /dev/null")
      let pid = try Command(inside(host) + arguments).start(
        input: null.number, output: null.number, errors: null.number)
      programs.withLock { $0.append(pid) }
      return BackgroundProgram(number: Int(pid))
    } catch {
      throw MeasuringError("\(error)")
    }
  }

  func stop(_ program: BackgroundProgram) {
    let pid = pid_t(program.number)
    let isOurs = programs.withLock { programs in
      defer { programs.removeAll { $0 == pid } }
      return programs.contains(pid)
    }
    if isOurs { end(pid) }
  }

  private func end(_ pid: pid_t) {
    killpg(pid, SIGKILL)
    var status: CInt = 0
    waitpid(pid, &status, 0)
  }

  func switchBackend(to backend: String) throws(MeasuringError) { switches.withLock { $0.append(backend) } }

  func serve(_ services: [ServicePort], by datapath: ServiceDatapath) throws(MeasuringError) {
    // Under another name than the report's own rules.
    let rules = KubeProxyRules(services, at: .init(targets.clientNode.address), podNetwork: targets.podNetwork)
    for text in datapath == .none ? [KubeProxyRules.removal()] : rules.transactions {
      let named = text.replacing(KubeProxyRules.defaultTable, with: "own-services")
      let output = try run("node1", ["nft", "-f", "-"], input: Array(named.utf8), timeout: .seconds(60))
      guard output.succeeded else { throw MeasuringError(output.complaint) }
    }
  }

  private func inside(_ host: String) -> [String] {
    ["ip", "netns", "exec", host.hasSuffix("1") ? Self.left : Self.right]
  }
}

func address(_ text: String) -> IPAddress { IPAddress(text) ?? IPAddress(family: .ipv4, words: (0, 0, 0, 0)) }
