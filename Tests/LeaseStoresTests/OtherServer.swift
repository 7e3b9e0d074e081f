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

/// Hands requests on to a server, and loses the answer of the first transaction: it was made, and nobody is told.
enum LosingProxy {
  private static let script = """
    import socket, sys, threading
    port, target = int(sys.argv[1]), int(sys.argv[2])
    lost = []
    def serve(client):
        text = b""
        while b"\\r\\n\\r\\n" not in text:
            part = client.recv(65536)
            if not part:
                return client.close()
            text += part
        head, body = text.split(b"\\r\\n\\r\\n", 1)
        sizes = [l.split(b":")[1] for l in head.lower().split(b"\\r\\n") if l.startswith(b"content-length:")]
        while len(body) < int(sizes[0]):
            body += client.recv(65536)
        server = socket.create_connection(("127.0.0.1", target))
        server.sendall(head + b"\\r\\n\\r\\n" + body)
        while True:
            part = server.recv(65536)
            if b"/kv/txn " in head and not lost:
                lost.append(1)
                part = b""
            if not part:
                return client.close()
            client.sendall(part)
    listener = socket.create_server(("127.0.0.1", port))
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client,), daemon=True).start()
    """

  static func run(before target: UInt16, _ body: (UInt16) async throws -> Void) async throws {
    let port = try freePort()
    let nothing = open("/dev/null", O_RDWR | O_CLOEXEC)
    defer { close(nothing) }
    let command = Command(["python3", "-c", script, "\(port)", "\(target)"])
    let pid = try command.start(input: nothing, output: nothing, errors: nothing)
    defer {
      kill(pid, SIGKILL)
      waitpid(pid, nil, 0)
    }
    try await eventually("the proxy listens") { try listeners(at: port) > 0 }
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
