import Glibc
import HostSystem
import Netlink
import Testing

@testable import Cluster

/// Three nodes on a bridge, two pods on each behind a bridge of its own, and a client outside.
///
/// Nodes are 172.30.0.1N, pods 10.244.N.2 and .3, the client 172.30.0.100; the outside routes cluster IPs to the first
/// node. Every pod answers HTTP and UDP at port 8000 with its name.
struct TestCluster: ~Copyable {
  enum Overlay: CaseIterable { case routes, vxlan }

  private static let servers = """
    import http.server, socket, sys, threading, time
    name = sys.argv[1]
    class Handler(http.server.BaseHTTPRequestHandler):
      protocol_version = "HTTP/1.1"
      def do_GET(self):
        kind, size = (self.path.split("/") + ["", ""])[1:3]
        body = f"{name} {self.client_address[0]}".encode() if kind == "" else b""
        self.send_response(200)
        self.send_header("Content-Length", str(len(body) if kind == "" else int(size)))
        self.end_headers()
        self.wfile.write(body)
        left = 0 if kind == "" else int(size)
        while left > 0:
          part = min(left, 65536 if kind == "big" else 1000)
          self.wfile.write(b"x" * part)
          left -= part
          if kind == "slow": time.sleep(0.02)
      def log_message(self, *arguments): pass
    def echo():
      s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
      s.bind(("0.0.0.0", 8000))
      while True:
        data, sender = s.recvfrom(65535)
        s.sendto(f"{name} {len(data)}".encode(), sender)
    threading.Thread(target=echo, daemon=True).start()
    http.server.ThreadingHTTPServer.request_queue_size = 128
    http.server.ThreadingHTTPServer(("0.0.0.0", 8000), Handler).serve_forever()
    """

  private static let ask = """
    import socket, sys
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(5)
    s.connect((sys.argv[1], int(sys.argv[2])))
    s.send(b"?" * int(sys.argv[3]))
    print(s.recv(100).decode())
    """

  /// The system's own: what else is in PATH may be a slow wrapper.
  private static let python = access("/usr/bin/python3", X_OK) == 0 ? "/usr/bin/python3" : "python3"

  private static let prefix = "svs-np"
  private static let hosts =
    ["lan", "out"] + (1...3).flatMap { n in ["n\(n)", "p\(n)2", "p\(n)3"] }

  private var started: [pid_t] = []

  static func namespace(_ host: String) -> String { "\(prefix)\(getpid())-\(host)" }

  init(_ overlay: Overlay) throws {
    Self.collectDead()
    for host in Self.hosts { _ = try NetworkNamespace.create(Self.namespace(host)) }
    try Self.tool(["ip", "-batch", "-"], input: Self.links())
    let bridge = ["link add br0 type bridge", "link set br0 up"] + Self.ports.map { "link set \($0) master br0 up" }
    try Self.run("lan", ["ip", "-batch", "-"], input: bridge.joined(separator: "\n") + "\n")
    try Self.run("out", ["ip", "-batch", "-"], input: Self.client)
    for node in 1...3 {
      try Self.run("n\(node)", ["ip", "-batch", "-"], input: Self.routes(node, overlay))
      // The strict filter of reverse paths, as some distributions have it; but the loose one where a node's own sockets
      // are a service's, or answer over the overlay (docs/decisions/0023).
      let filter = "net.ipv4.conf.all.rp_filter=\(node == 1 || overlay == .vxlan ? 2 : 1)"
      try Self.run("n\(node)", ["sysctl", "-qw", "net.ipv4.ip_forward=1", filter])
      // As flannel masquerades.
      try Self.run("n\(node)", ["nft", "-f", "-"], input: Self.masquerading)
      for pod in 2...3 {
        try Self.run("p\(node)\(pod)", ["ip", "-batch", "-"], input: Self.pod(node, pod, overlay))
      }
      guard overlay == .vxlan else { continue }
      for other in 1...3 where other != node {
        let entry = ["02:00:00:00:00:0\(other)", "dev", "flannel.1", "dst", "172.30.0.1\(other)"]
        try Self.run("n\(node)", ["bridge", "fdb", "add"] + entry)
      }
    }
    for host in Self.hosts where host.hasPrefix("p") || host == "n1" { try start(host) }
    for host in Self.hosts where host.hasPrefix("p") {
      let address = "10.244.\(host.dropFirst().first ?? "0").\(host.last ?? "0")"
      try Self.eventually("\(host) serves") { try Self.curl("n1", "http://\(address):8000/").hasPrefix(host) }
    }
    try Self.eventually("n1 serves") { try Self.curl("n1", "http://172.30.0.11:8000/").hasPrefix("n1") }
  }

  private static func links() -> String {
    func ns(_ host: String) -> String { namespace(host) }
    var lines: [String] = []
    for host in ports { lines.append("link add eth0 netns \(ns(host)) type veth peer name \(host) netns \(ns("lan"))") }
    for node in 1...3 {
      lines.append("link add cni0 netns \(ns("n\(node)")) type bridge")
      for pod in 2...3 {
        lines.append("link add eth0 netns \(ns("p\(node)\(pod)")) type veth peer name v\(pod) netns \(ns("n\(node)"))")
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func routes(_ node: Int, _ overlay: Overlay) -> String {
    var lines = [
      "link set lo up", "address add 172.30.0.1\(node)/24 dev eth0", "link set eth0 up",
      "address add 10.244.\(node).1/24 dev cni0", "link set cni0 up",
    ]
    for pod in 2...3 { lines.append("link set v\(pod) master cni0 up") }
    if overlay == .vxlan {
      lines += [
        "link add flannel.1 type vxlan id 1 local 172.30.0.1\(node) dstport 8472 nolearning dev eth0",
        "link set flannel.1 address 02:00:00:00:00:0\(node) mtu 1450 up",
        "address add 10.244.\(node).0/32 dev flannel.1",
      ]
    }
    for other in 1...3 where other != node {
      switch overlay {
      case .routes: lines.append("route add 10.244.\(other).0/24 via 172.30.0.1\(other)")
      case .vxlan:
        lines += [
          "neighbour add 10.244.\(other).0 lladdr 02:00:00:00:00:0\(other) dev flannel.1 nud permanent",
          "route add 10.244.\(other).0/24 via 10.244.\(other).0 dev flannel.1 onlink",
        ]
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private static let ports = ["out", "n1", "n2", "n3"]

  private static let client = """
    address add 172.30.0.100/24 dev eth0
    link set lo up
    link set eth0 up
    route add 10.96.0.0/12 via 172.30.0.11

    """

  private static func pod(_ node: Int, _ pod: Int, _ overlay: Overlay) -> String {
    """
    address add 10.244.\(node).\(pod)/24 dev eth0
    link set lo up
    link set eth0 mtu \(overlay == .vxlan ? 1450 : 1500) up
    route add default via 10.244.\(node).1

    """
  }

  private static let masquerading = """
    table ip overlay {
      chain postrouting {
        type nat hook postrouting priority srcnat
        ip saddr 10.244.0.0/16 ip daddr != 10.244.0.0/16 masquerade
      }
    }

    """

  private mutating func start(_ host: String) throws {
    let null = open("/dev/null", O_RDWR | O_CLOEXEC)
    defer { close(null) }
    let command = Command(["ip", "netns", "exec", Self.namespace(host), Self.python, "-c", Self.servers, host])
    started.append(try command.start(input: null, output: null, errors: null))
  }

  deinit {
    for pid in started {
      kill(pid, SIGKILL)
      var status: CInt = 0
      waitpid(pid, &status, 0)
    }
    for host in Self.hosts { try? NetworkNamespace.delete(Self.namespace(host)) }
  }

  /// Removes what a test process left that was killed.
  private static func collectDead() {
    for name in NetworkNamespace.names() where name.hasPrefix(prefix) {
      let pid = name.dropFirst(prefix.count).prefix { $0.isNumber }
      if let pid = pid_t(pid), kill(pid, 0) != 0 || pid == getpid() { try? NetworkNamespace.delete(name) }
    }
  }
}

extension TestCluster {
  struct Failure: Error, CustomStringConvertible {
    var description: String
  }

  /// Runs a program to its end and gives its output; throws where it fails.
  @discardableResult
  static func tool(_ arguments: [String], input: String = "", timeout: Duration = .seconds(30)) throws -> String {
    let result = try Command(arguments).run(input: Array(input.utf8), timeout: timeout)
    let output = String(decoding: result.output, as: UTF8.self)
    guard result.ending == .exited(code: 0) else {
      let errors = String(decoding: result.errors, as: UTF8.self)
      throw Failure(description: "\(arguments.joined(separator: " ")): \(result.ending) \(output)\(errors)")
    }
    return output
  }

  @discardableResult
  static func run(
    _ host: String, _ arguments: [String], input: String = "", timeout: Duration = .seconds(30)
  ) throws -> String {
    try tool(["ip", "netns", "exec", namespace(host)] + arguments, input: input, timeout: timeout)
  }

  /// What a host is answered; empty where it is not.
  static func curl(_ host: String, _ url: String) throws -> String {
    let arguments = ["ip", "netns", "exec", namespace(host), "curl", "-s", "-m", "5", "--noproxy", "*", url]
    return String(decoding: try Command(arguments).run().output, as: UTF8.self)
  }

  /// How many of several requests each pod answered, and as whom they saw the client.
  static func tally(_ host: String, _ url: String, _ count: Int) throws -> [String: Int] {
    var tally: [String: Int] = [:]
    for _ in 0..<count { tally[try curl(host, url), default: 0] += 1 }
    return tally
  }

  /// What a datagram of a size is answered.
  static func datagram(_ host: String, _ address: String, _ port: UInt16, size: Int) throws -> String {
    let answer = try run(host, [python, "-c", ask, address, "\(port)", "\(size)"])
    return answer.split(separator: "\n").first.map(String.init) ?? ""
  }

  /// Asks until it holds.
  static func eventually(
    _ what: String, within limit: Duration = .seconds(20), _ condition: () throws -> Bool
  ) throws {
    let deadline = Deadline(in: limit)
    while true {
      if (try? condition()) == true { return }
      guard !deadline.hasPassed else { throw Failure(description: "not in time: \(what)") }
      usleep(20_000)
    }
  }
}
