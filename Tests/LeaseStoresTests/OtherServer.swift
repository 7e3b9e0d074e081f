import Glibc
import HostSystem
import LeaseStores
import Testing

/// Python's web server, which is no etcd.
enum OtherServer {
  static func run(_ body: (UInt16) async throws -> Void) async throws {
    let folder = try EtcdServer.makeFolder()
    defer { EtcdServer.removeFolder(folder) }
    let port = try freePort()
    let nothing = open("/dev/null", O_RDWR | O_CLOEXEC)
    defer { close(nothing) }
    let command = Command(["python3", "-m", "http.server", "--bind", "127.0.0.1", "\(port)"], folder: folder)
    let pid = try command.start(input: nothing, output: nothing, errors: nothing)
    defer {
      kill(pid, SIGKILL)
      waitpid(pid, nil, 0)
    }
    try await eventually("the other server listens") { try listeners(at: port) > 0 }
    try await body(port)
  }
}

/// How many sockets listen at a port of the loopback (/proc/net/tcp: state 0A).
func listeners(at port: UInt16) throws -> Int { try sockets(at: port, state: "0A") }

extension EtcdServer {
  /// As the kernel has them, of the server's side.
  func openConnections() throws -> Int { try sockets(at: endpoint.port, state: "01") }
}

private func sockets(at port: UInt16, state: String) throws -> Int {
  let digits = String(port, radix: 16, uppercase: true)
  let local = "0100007F:" + String(repeating: "0", count: 4 - digits.count) + digits
  return try Files.text("/proc/net/tcp").split(separator: "\n").count { line in
    let fields = line.split(separator: " ")
    return fields.count > 3 && fields[1] == local && fields[3] == state
  }
}
