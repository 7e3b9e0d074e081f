import ClusterModel
import Glibc
import HostSystem
import LeaseStores
import Netlink
import Synchronization
import Testing

/// A real etcd on the loopback, with a folder of its own; both are gone when the test is over.
final class EtcdServer: Sendable {
  struct Options {
    var isSecure = false
  }

  struct Missing: Error, CustomStringConvertible { var description: String }

  let folder: String
  let endpoint: EtcdEndpoint
  private let name: String
  /// All servers of the cluster, by name, with the addresses that they know each other by.
  private let members: [(name: String, address: String)]
  private let arguments: [String]
  private let process = Locked<pid_t?>(nil)

  private init(
    folder: String, options: Options, members: [(name: String, address: String)]? = nil, name: String = "test"
  ) throws {
    guard access("/usr/bin/etcd", X_OK) == 0, access("/usr/bin/etcdctl", X_OK) == 0 else {
      throw Missing(description: "/usr/bin/etcd is missing: apt-get install etcd-server etcd-client")
    }
    self.folder = folder
    endpoint = EtcdEndpoint(host: "127.0.0.1", port: try freePort(), isSecure: options.isSecure)
    self.name = name
    self.members = try members ?? [(name, "http://127.0.0.1:\(freePort())")]
    var arguments: [String] = []
    if options.isSecure {
      try Self.makeCertificates(folder)
      arguments = ["--cert-file", folder + "/server.pem", "--key-file", folder + "/server.key"]
    }
    self.arguments = arguments
    try start()
  }

  /// Runs a test beside a server that answers, with flannel's configuration written if one is given.
  static func run(
    _ options: Options = Options(), configuration: String? = EtcdServer.configuration,
    _ body: (EtcdServer) async throws -> Void
  ) async throws {
    let folder = try makeFolder()
    defer { removeFolder(folder) }
    let server = try EtcdServer(folder: folder, options: options)
    defer { server.end() }
    try await server.waitUntilReady()
    if let configuration { try server.put("/coreos.com/network/config", configuration) }
    try await body(server)
  }

  /// Runs a test beside three servers of one cluster.
  static func runThree(_ body: ([EtcdServer]) async throws -> Void) async throws {
    let folder = try makeFolder()
    defer { removeFolder(folder) }
    let members = try (1...3).map { (name: "m\($0)", address: "http://127.0.0.1:\(try freePort())") }
    var servers: [EtcdServer] = []
    defer { for server in servers { server.end() } }
    for member in members {
      mkdir(folder + "/" + member.name, 0o700)
      servers.append(
        try EtcdServer(folder: folder + "/" + member.name, options: Options(), members: members, name: member.name))
    }
    for server in servers { try await server.waitUntilReady() }
    try servers[0].put("/coreos.com/network/config", configuration)
    try await body(servers)
  }

  static let configuration = #"{"Network": "10.244.0.0/16", "Backend": {"Type": "vxlan"}}"#

  static func makeFolder() throws -> String {
    var template = Array("/tmp/svs-etcd-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Missing(description: "no folder in /tmp") }
    return String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  /// An authority of the test's own, and the server's certificate by it.
  private static func makeCertificates(_ folder: String) throws {
    let script = """
      openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=authority \
        -keyout ca.key -out ca.pem
      openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=etcd -keyout server.key -out server.csr
      printf 'subjectAltName=IP:127.0.0.1\n' > names
      openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.pem
      """
    let result = try Command(["sh", "-ec", script], folder: folder).run()
    guard result.ending == .exited(code: 0) else {
      throw Missing(description: "openssl: \(String(decoding: result.errors, as: UTF8.self))")
    }
  }

  static func removeFolder(_ folder: String) { _ = try? Command(["rm", "-rf", folder]).run() }

  func start(port: UInt16? = nil) throws {
    let scheme = endpoint.isSecure ? "https" : "http"
    let client = "\(scheme)://127.0.0.1:\(port ?? endpoint.port)"
    let peer = members.first { $0.name == name }?.address ?? ""
    let cluster = members.map { "\($0.name)=\($0.address)" }.joined(separator: ",")
    let log = open(folder + "/log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    let nothing = open("/dev/null", O_RDWR | O_CLOEXEC)
    defer {
      close(log)
      close(nothing)
    }
    let command = Command(
      [
        "/usr/bin/etcd", "--name", name, "--data-dir", folder + "/data", "--listen-client-urls", client,
        "--advertise-client-urls", client, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
        "--initial-cluster", cluster, "--logger", "zap", "--log-level", "error",
      ] + arguments)
    let pid = try command.start(input: nothing, output: log, errors: log)
    process.set(pid)
  }

  /// Ends it at once, as a crash does.
  func end() {
    guard let pid = process.take() else { return }
    kill(pid, SIGKILL)
    kill(pid, SIGCONT)
    waitpid(pid, nil, 0)
  }

  /// Stops all of its threads; returns when they have stopped.
  func stop() {
    guard let pid = process.get() else { return }
    kill(pid, SIGSTOP)
    waitpid(pid, nil, WUNTRACED)
  }

  func goOn() { if let pid = process.get() { kill(pid, SIGCONT) } }

  func removeData() throws { _ = try Command(["rm", "-rf", folder + "/data"]).run() }

  func waitUntilReady(port: UInt16? = nil) async throws {
    var settings = settings
    settings.endpoints[0].port = port ?? endpoint.port
    let store = try EtcdLeaseStore(settings)
    try await eventually("etcd answers", within: .seconds(60)) {
      do throws(LeaseStoreError) {
        _ = try await store.state()
        return true
      } catch {
        // It asks for a user, so it is there.
        if case .refused = error { return true }
        return false
      }
    }
  }

  /// With short times, for tests.
  var settings: EtcdSettings {
    var made = EtcdSettings(endpoints: [endpoint])
    made.answerLimit = .seconds(20)
    made.probeInterval = .milliseconds(200)
    made.pause = .milliseconds(20) ... .milliseconds(200)
    if endpoint.isSecure { made.tls = EtcdSettings.TLS(authorities: folder + "/ca.pem") }
    return made
  }

  func store(leaseTime: Duration = .seconds(86_400)) throws -> EtcdLeaseStore {
    var settings = settings
    settings.leaseTime = leaseTime
    return try EtcdLeaseStore(settings)
  }

  /// Etcd's own program, as an operator uses it.
  @discardableResult func etcdctl(_ words: String..., port: UInt16? = nil, input: String = "") throws -> String {
    let address = "\(endpoint.isSecure ? "https" : "http")://127.0.0.1:\(port ?? endpoint.port)"
    let trust = endpoint.isSecure ? ["--cacert", folder + "/ca.pem"] : []
    let command = Command(
      ["env", "ETCDCTL_API=3", "/usr/bin/etcdctl", "--command-timeout", "60s", "--endpoints", address] + trust + words)
    let result = try command.run(input: Array(input.utf8))
    guard result.ending == .exited(code: 0) else {
      throw Missing(description: "etcdctl \(words): \(String(decoding: result.errors, as: UTF8.self))")
    }
    return String(decoding: result.output, as: UTF8.self)
  }

  func put(_ key: String, _ value: String, port: UInt16? = nil) throws {
    try etcdctl("put", "--", key, value, port: port)
  }
}

/// A value that several threads use.
final class Locked<Value: Sendable>: Sendable {
  private let value: Mutex<Value>

  init(_ value: Value) { self.value = Mutex(value) }

  func with<Result: Sendable>(_ body: (inout Value) -> Result) -> Result {
    value.withLock { value in
      var copy = value
      defer { value = copy }
      return body(&copy)
    }
  }

  func get() -> Value { value.withLock { $0 } }
  func set(_ new: Value) { value.withLock { $0 = new } }
}

extension Locked where Value == pid_t? {
  func take() -> pid_t? {
    with { value in
      defer { value = nil }
      return value
    }
  }
}

/// A port that nobody listens at now.
func freePort() throws -> UInt16 {
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
  guard result == 0 else { throw EtcdServer.Missing(description: "no free port") }
  return UInt16(bigEndian: address.sin_port)
}

struct NeverHappened: Error, CustomStringConvertible { var description: String }

/// Asks until it is so, or the time is over.
func eventually(
  _ what: String, within limit: Duration = .seconds(30), _ condition: () async throws -> Bool
) async throws {
  let end = ContinuousClock.now.advanced(by: limit)
  while try await !condition() {
    guard ContinuousClock.now < end else { throw NeverHappened(description: "never: \(what)") }
    try await Task.sleep(for: .milliseconds(10))
  }
}

/// What a stream has said, to be asked in any order.
final class Heard<Element: Sendable>: Sendable {
  private let elements = Locked<[Element]>([])
  private let task: Task<Void, Never>

  init(_ stream: AsyncStream<Element>) {
    let elements = elements
    task = Task { for await element in stream { elements.with { $0.append(element) } } }
  }

  var all: [Element] { elements.get() }
  func forget() { elements.set([]) }
  func stop() { task.cancel() }

  /// The first of those that were heard, or will be.
  func first(
    _ what: String, within limit: Duration = .seconds(30), where matches: (Element) -> Bool
  ) async throws -> Element {
    var found: Element?
    try await eventually(what, within: limit) {
      found = all.first(where: matches)
      return found != nil
    }
    return try #require(found)
  }
}

extension LeaseRequest {
  /// The node 192.168.0.NUMBER, with a tunnel whose address ends with the number.
  static func node(_ number: UInt8) throws -> LeaseRequest {
    LeaseRequest(
      publicIP: try #require(IPAddress("192.168.0.\(number)")),
      backend: .vxlan(vni: 1, mac: MACAddress((0x8e, 0, 0, 0, 0, number)), ipv6MAC: nil))
  }
}

extension LeaseStoreEvent {
  var state: LeaseStoreState? { if case .state(let state) = self { state } else { nil } }
  var fault: LeaseStoreError? { if case .fault(let fault) = self { fault } else { nil } }
}

/// The error that a call ends with.
func failure(_ body: () async throws -> Void) async -> LeaseStoreError? {
  do {
    try await body()
    return nil
  } catch { return error as? LeaseStoreError }
}
