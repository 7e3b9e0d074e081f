import Glibc
import HostSystem
import Netlink
import ServiceTranslation
import Synchronization
import Testing

/// Namespaces on one bridge: three pods that serve, two clients, and one whose sockets are nobody's concern.
///
/// Cluster IPs lead nowhere: what is not translated is refused by a route (EHOSTUNREACH) or, on IPv6, too.
final class World {
  static let python = "/usr/bin/python3"
  private static let places = ["pod1", "pod2", "pod3", "client", "client2", "other"]

  private static let numbers = Atomic(0)

  let name: String
  let pinFolder: String
  private var processes: [pid_t] = []
  let folder: String

  init() throws {
    name = "svss\(getpid())-\(Self.numbers.add(1, ordering: .relaxed).newValue)"
    pinFolder = "/run/svs/bpf/test-\(name)"
    folder = (getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp") + "/\(name)"
    do {
      try build()
    } catch {
      close()
      throw error
    }
  }

  private func build() throws {
    try Files.makeFolder(folder)
    _ = try run(["ip", "netns", "add", "\(name)-node"])
    let node = "\(name)-node"
    var batch = """
      link set lo up
      link add br0 type bridge
      link set br0 up
      addr add 10.77.0.1/24 dev br0
      addr add fd77::1/64 dev br0 nodad
      """
    for place in Self.places {
      _ = try run(["ip", "netns", "add", "\(name)-\(place)"])
      batch += "\nlink add \(place) type veth peer name eth0 netns \(name)-\(place)\nlink set \(place) master br0 up"
    }
    try ip(node, batch)
    for (number, place) in Self.places.enumerated() {
      try ip(
        "\(name)-\(place)",
        """
        link set lo up
        link set eth0 up
        addr add 10.77.0.\(number + 11)/24 dev eth0
        addr add fd77::\(number + 11)/64 dev eth0 nodad
        route add default via 10.77.0.1
        route add unreachable 10.96.0.0/16
        route add unreachable fd96::/64
        """)
    }
    for pod in 1...3 { try serve("pod\(pod)") }
  }

  /// Leaves nothing behind, whatever became of the test.
  func close() {
    for pid in processes {
      kill(pid, SIGKILL)
      var status: CInt = 0
      waitpid(pid, &status, 0)
    }
    try? ServiceTranslator.remove(pinFolder: pinFolder)
    for place in Self.places + ["node"] { _ = try? run(["ip", "netns", "del", "\(name)-\(place)"]) }
    try? Files.remove(folder)
  }

  func cookie(_ place: String) throws -> UInt64 { try NetworkNamespace.named("\(name)-\(place)").cookie }

  /// Runs a program to its end and returns what it wrote; anything but success is an error.
  @discardableResult
  func run(_ arguments: [String], input: String = "", timeout: Duration = .seconds(60)) throws -> String {
    let result = try Command(arguments).run(input: Array(input.utf8), timeout: timeout)
    let output = String(decoding: result.output, as: UTF8.self)
    guard result.ending == .exited(code: 0) else {
      throw Failure(
        "\(arguments.prefix(6).joined(separator: " ").prefix(160)): \(result.ending)\n\(output)\n"
          + String(decoding: result.errors, as: UTF8.self))
    }
    return output
  }

  struct Failure: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
  }

  func ip(_ namespace: String, _ batch: String) throws {
    try run(["ip", "-n", namespace, "-batch", "-"], input: batch)
  }

  func enter(_ place: String, _ words: [String]) -> [String] { ["ip", "netns", "exec", "\(name)-\(place)"] + words }

  /// Runs Python in a namespace; the lines it printed.
  func python(_ place: String, _ text: String) throws -> [String] {
    try run(enter(place, [Self.python, "-c", Self.prelude + text])).split(separator: "\n").map(String.init)
  }

  /// Starts a program that goes on until ``close()``, with its output in a file of the world's folder.
  @discardableResult
  func start(_ place: String, _ words: [String], output: String) throws -> pid_t {
    let null = try Descriptor(checking: open("/dev/null", O_RDWR | O_CLOEXEC), "open /dev/null")
    let path = folder + "/" + output
    let file = try Descriptor(checking: open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644), "write \(path)")
    let pid = try Command(enter(place, words)).start(input: null.number, output: file.number, errors: file.number)
    processes.append(pid)
    return pid
  }

  /// Waits for a program that was started; its exit code, or nil if it ran too long or was killed.
  func end(_ pid: pid_t, within limit: Duration) -> CInt? {
    let deadline = Deadline(in: limit)
    var status: CInt = 0
    while !deadline.hasPassed {
      if waitpid(pid, &status, WNOHANG) == pid {
        processes.removeAll { $0 == pid }
        return status & 0x7F == 0 ? status >> 8 & 0xFF : nil
      }
      usleep(2000)
    }
    return nil
  }

  func output(_ name: String) -> String { (try? Files.text(folder + "/" + name)) ?? "" }

  func wait(_ what: String, within limit: Duration = .seconds(60), for condition: () -> Bool) throws {
    let deadline = Deadline(in: limit)
    while !condition() {
      guard !deadline.hasPassed else { throw Failure("waited in vain for \(what)") }
      usleep(2000)
    }
  }

  /// A pod that tells its name: at once over TCP port 8080 and to HTTP on 8081, and for every datagram to UDP port 5353.
  private func serve(_ pod: String) throws {
    try start(pod, [Self.python, "-c", Self.server, pod], output: pod)
    try wait("\(pod) to serve") { output(pod).contains("ready") }
  }

  static let server = """
    import socket, sys, threading
    name = sys.argv[1].encode()
    def listener(port, kind):
        s = socket.socket(socket.AF_INET6, kind)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        s.bind(('::', port))
        if kind == socket.SOCK_STREAM: s.listen(4096)
        return s
    def tell(s):
        while True:
            c, _ = s.accept()
            try: c.sendall(name)
            except OSError: pass
            c.close()
    def web(s):
        while True:
            c, _ = s.accept()
            try:
                c.recv(4096)
                c.sendall(b'HTTP/1.0 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n' % len(name) + name)
            except OSError: pass
            c.close()
    def echo(s):
        while True:
            data, who = s.recvfrom(2048)
            s.sendto(name, who)
    for port, kind, work in ((8080, socket.SOCK_STREAM, tell), (8081, socket.SOCK_STREAM, web),
                             (5353, socket.SOCK_DGRAM, echo), (5354, socket.SOCK_DGRAM, echo)):
        threading.Thread(target=work, args=(listener(port, kind),), daemon=True).start()
    print('ready', flush=True)
    threading.Event().wait()
    """

  /// What clients' texts may use.
  static let prelude = """
    import collections, errno, socket, time
    def made(address, kind=socket.SOCK_STREAM, family=None):
        s = socket.socket(family or (socket.AF_INET6 if ':' in address else socket.AF_INET), kind)
        s.settimeout(5)
        return s
    def connected(address, port, kind=socket.SOCK_STREAM):
        s = made(address, kind)
        s.connect((address, port))
        return s
    def ask(address, port):
        with connected(address, port) as s: return s.recv(100).decode()
    def outcome(f):
        began = time.monotonic()
        try: f(); return 'none'
        except OSError as e: return errno.errorcode.get(e.errno, str(e)) + (' late' if time.monotonic() - began > 0.5 else '')

    """
}
