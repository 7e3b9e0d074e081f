import ClusterModel
import Glibc
import HostSystem
import LeaseStores
import Netlink
import Synchronization
import Testing

@testable import OverlayNode

private let counter = Atomic<Int>(0)

struct Failed: Error, CustomStringConvertible { var description: String }

/// Runs a command line and gives what it wrote; what fails fails the test.
@discardableResult
func shell(_ line: String, in namespace: borrowing NetworkNamespace) throws -> String {
  let result = try namespace.perform { try Command(["/bin/sh", "-ec", line]).run(timeout: .seconds(30)) }
  guard result.ending == .exited(code: 0) else {
    throw Failed(description: "\(line): \(String(decoding: result.output + result.errors, as: UTF8.self))")
  }
  return String(decoding: result.output, as: UTF8.self)
}

/// A namespace of the test's own, deleted when the value goes.
final class Host: Sendable {
  let name: String
  let namespace: NetworkNamespace

  init(_ purpose: String) throws {
    name = "svsovn-\(getpid())-\(counter.add(1, ordering: .relaxed).newValue)-\(purpose)"
    namespace = try NetworkNamespace.create(name)
  }

  deinit { try? NetworkNamespace.delete(name) }

  @discardableResult func run(_ line: String) throws -> String { try shell(line, in: namespace) }
}

/// A real etcd on the loopback.
final class Etcd: Sendable {
  let folder: String
  let port: UInt16
  private let peerPort: UInt16
  private let process = Mutex<pid_t?>(nil)

  init(folder: String) throws {
    guard access("/usr/bin/etcd", X_OK) == 0, access("/usr/bin/etcdctl", X_OK) == 0 else {
      throw Failed(description: "/usr/bin/etcd is missing: apt-get install etcd-server etcd-client")
    }
    self.folder = folder
    port = try freePort()
    peerPort = try freePort()
  }

  deinit { end() }

  func start() throws {
    let (client, peer) = ("http://127.0.0.1:\(port)", "http://127.0.0.1:\(peerPort)")
    let file = open(folder + "/etcd.log", O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    defer { close(file) }
    let command = Command([
      "/usr/bin/etcd", "--data-dir", folder + "/etcd", "--listen-client-urls", client, "--advertise-client-urls",
      client, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster",
      "default=\(peer)", "--logger", "zap", "--log-level", "error",
    ])
    let pid = try command.start(input: file, output: file, errors: file)
    process.withLock { $0 = pid }
  }

  /// At once, as a crash does.
  func end() {
    let pid: pid_t? = process.withLock { pid in
      defer { pid = nil }
      return pid
    }
    guard let pid else { return }
    kill(pid, SIGKILL)
    waitpid(pid, nil, 0)
  }

  /// As an operator does it.
  @discardableResult func ctl(_ words: String...) throws -> String {
    let command = Command(
      ["env", "ETCDCTL_API=3", "/usr/bin/etcdctl", "--endpoints", "http://127.0.0.1:\(port)"] + words)
    let result = try command.run()
    guard result.ending == .exited(code: 0) else {
      throw Failed(description: "etcdctl \(words): \(String(decoding: result.errors, as: UTF8.self))")
    }
    return String(decoding: result.output, as: UTF8.self)
  }

  func configure(_ json: String) throws { try ctl("put", "--", "/coreos.com/network/config", json) }

  /// The leases' keys and values, a line each.
  func leases() throws -> [String] {
    try ctl("get", "--prefix", "/coreos.com/network/subnets/").split(separator: "\n").map(String.init)
  }

  func store(leaseTime: Duration = .seconds(86_400)) throws -> EtcdLeaseStore {
    var settings = EtcdSettings(endpoints: [EtcdEndpoint(host: "127.0.0.1", port: port)])
    settings.answerLimit = .seconds(3)
    settings.probeInterval = .milliseconds(200)
    settings.pause = .milliseconds(20) ... .milliseconds(200)
    settings.leaseTime = leaseTime
    return try EtcdLeaseStore(settings)
  }
}

/// A port that nobody listens at now.
private func freePort() throws -> UInt16 {
  let socket = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
  defer { close(socket) }
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
  var length = socklen_t(MemoryLayout<sockaddr_in>.size)
  let result = withUnsafeMutablePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      bind(socket, $0, length) == 0 ? getsockname(socket, $0, &length) : -1
    }
  }
  guard result == 0 else { throw Failed(description: "no free port") }
  return UInt16(bigEndian: address.sin_port)
}

/// Asks until it is so, or the time is over.
func eventually(
  _ what: String, within limit: Duration = .seconds(40), _ condition: () async throws -> Bool
) async throws {
  let end = ContinuousClock.now.advanced(by: limit)
  while try await !condition() {
    guard ContinuousClock.now < end else { throw Failed(description: "never: \(what)") }
    try await Task.sleep(for: .milliseconds(20))
  }
}

/// Hosts on one link, 192.168.0.50 + n, with an etcd that all of them share.
final class NodeStage: Sendable {
  let link: Host
  let hosts: [Host]
  let pods: [Host]
  let etcd: Etcd
  let folder: String

  static let vxlan = #"{"Network":"10.244.0.0/16","Backend":{"Type":"vxlan"}}"#
  static let hostGateway = #"{"Network":"10.244.0.0/16","Backend":{"Type":"host-gw"}}"#

  private init(_ count: Int) throws {
    folder = "/run/svsovn-\(getpid())-\(counter.add(1, ordering: .relaxed).newValue)"
    try Files.makeFolder(folder)
    etcd = try Etcd(folder: folder)
    let link = try Host("link")
    self.link = link
    try link.run("ip link add sw type bridge; ip addr add 192.168.0.1/24 dev sw; ip link set sw up")
    let hosts = try (1...count).map { try Host("node\($0)") }
    pods = try (1...count).map { try Host("pod\($0)") }
    self.hosts = hosts
    for (position, host) in hosts.enumerated() {
      let number = position + 1
      try link.run(
        "ip link add p\(number) type veth peer name ext0 netns \(host.name); ip link set p\(number) master sw up")
      try host.run(
        """
        sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1; ip link set lo up
        ip addr add 192.168.0.\(50 + number)/24 dev ext0; ip addr add fd00::\(50 + number)/64 dev ext0 nodad
        ip link set ext0 up; ip route add default via 192.168.0.1
        """)
    }
  }

  /// Runs a test on a stage of its own; nothing of it is left.
  static func run(
    _ count: Int, configuration: String? = vxlan, startsEtcd: Bool = true, _ body: (NodeStage) async throws -> Void
  ) async throws {
    let stage = try NodeStage(count)
    defer {
      stage.etcd.end()
      try? Files.remove(stage.folder)
    }
    if startsEtcd {
      try stage.etcd.start()
      try await stage.etcdAnswers()
      if let configuration { try stage.etcd.configure(configuration) }
    }
    try await body(stage)
  }

  func etcdAnswers() async throws {
    let store = try etcd.store()
    try await eventually("etcd answers") { (try? await store.state()) != nil }
  }

  func settings(_ number: Int) -> OverlayNodeSettings {
    var settings = OverlayNodeSettings(name: "node\(number)")
    settings.namespace = hosts[number - 1].name
    settings.subnetFile = "\(folder)/node\(number).env"
    settings.stateFile = "\(folder)/node\(number).state"
    settings.retryPause = .milliseconds(200)
    return settings
  }

  func node(
    _ number: Int, leaseTime: Duration = .seconds(86_400), _ change: (inout OverlayNodeSettings) -> Void = { _ in }
  ) throws -> RunningNode {
    var settings = settings(number)
    change(&settings)
    return RunningNode(settings, try etcd.store(leaseTime: leaseTime), hosts[number - 1])
  }

  /// Sends a hundred pings within a fifth of a second and gives what came back.
  func received(_ from: Int, _ address: String) throws -> String {
    let text = try pods[from - 1].run("ping -q -c 100 -i 0.002 -W 2 \(address) || true")
    return text.split(separator: "\n").first { $0.contains("packets transmitted") }.map(String.init) ?? text
  }

  func isReached(_ from: Int, _ address: String) -> Bool {
    (try? pods[from - 1].run("ping -q -c 1 -W 1 \(address)")) != nil
  }

  /// Two milliseconds apart.
  func startPing(from number: Int, to address: String, count: Int) throws -> Ping {
    let path = "\(folder)/ping"
    let file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    defer { close(file) }
    let pid = try pods[number - 1].namespace.perform {
      try Command(["ping", "-q", "-c", "\(count)", "-i", "0.002", "-W", "2", address]).start(
        input: file, output: file, errors: file)
    }
    return Ping(pid: pid, path: path)
  }

  struct Ping {
    var pid: pid_t
    var path: String

    /// When it has ended.
    func output() async throws -> String {
      try await eventually("ping ends") { waitpid(pid, nil, WNOHANG) == pid }
      return try Files.text(path)
    }
  }

  func environment(_ number: Int) throws -> SubnetEnvironment {
    try #require(SubnetEnvironment(parsing: try Files.text("\(folder)/node\(number).env")))
  }

  /// Makes a bridge and a pod of the node's subnet, as the container runtime does by `subnet.env`; gives its address.
  @discardableResult func makePod(_ number: Int) throws -> String {
    let environment = try environment(number)
    let bridge = environment.subnet
    var octets = bridge.address.bytes
    octets[3] = 2
    let pod = try #require(IPAddress(bytes: octets))
    try hosts[number - 1].run(
      """
      ip link add cni0 type bridge; ip link set cni0 up; ip addr add \(bridge) dev cni0
      ip link add v0 type veth peer name eth0 netns \(pods[number - 1].name); ip link set v0 master cni0 up
      """)
    try pods[number - 1].run(
      "ip link set lo up; ip addr add \(pod)/24 dev eth0; ip link set eth0 mtu \(environment.mtu) up; "
        + "ip route add default via \(bridge.address)")
    return "\(pod)"
  }
}

/// A node that runs in this process, and what it told.
final class RunningNode: Sendable {
  let host: Host
  private let events = Events()
  private let task: Task<OverlayNodeError?, Never>

  final class Events: Sendable {
    private let list = Mutex<[OverlayNodeEvent]>([])
    func add(_ event: OverlayNodeEvent) { list.withLock { $0.append(event) } }
    var all: [OverlayNodeEvent] { list.withLock { $0 } }
  }

  init(_ settings: OverlayNodeSettings, _ store: any LeaseStore, _ host: Host) {
    self.host = host
    let events = events
    let node = OverlayNode(settings, store: store) { events.add($0) }
    task = Task {
      do throws(OverlayNodeError) { try await node.run() } catch { return error }
      return nil
    }
  }

  deinit { task.cancel() }

  var all: [OverlayNodeEvent] { events.all }
  /// Why it ended, when it has.
  var failure: OverlayNodeError? { get async { await task.value } }

  @discardableResult func end() async -> OverlayNodeError? {
    task.cancel()
    return await task.value
  }

  var isUp: Bool { all.contains { if case .isUp = $0 { true } else { false } } }

  func up() async throws {
    do { try await eventually("the node is up") { isUp } } catch {
      throw Failed(description: "\(error): " + all.map(\.description).joined(separator: "\n"))
    }
  }

  func told(_ what: String, _ matches: (OverlayNodeEvent) -> Bool) async throws {
    do { try await eventually(what) { all.contains(where: matches) } } catch {
      throw Failed(description: "\(error): " + all.map(\.description).joined(separator: "\n"))
    }
  }

  func routes() throws -> [String] {
    try host.run("ip route show").split(separator: "\n").map { String($0).trimmed }.filter {
      !$0.contains("ext0 proto")
    }
  }

  func has(route: String) throws -> Bool { try routes().contains { $0.hasPrefix(route) } }
}

extension String {
  var trimmed: String { String(reversed().drop { $0 == " " }.reversed()) }
}
