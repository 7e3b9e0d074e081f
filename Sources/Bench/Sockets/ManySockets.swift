import Glibc
import HostSystem
import Netlink

/// Real TCP connections, all open at once, from sockets of the client's host to one socket of the servers'.
///
/// One thread and one epoll serve both ends: a socket stays in the namespace in which it was made.
struct ManySockets {
  let count: Int

  struct Outcome {
    /// Connections that were open at the end.
    var standing = 0
    /// Of them, those whose client got its own number back while all of them stood.
    var echoed = 0
    /// Different addresses and ports that the server was asked from.
    var peers = 0
    var secondsToStand = 0.0
  }

  func run(
    _ network: borrowing BenchNetwork, server: IPAddress, vip: IPAddress
  ) throws(BenchError) -> Outcome {
    try attempt { () throws(SystemError) in try allowDescriptors() }
    let listener = try network.inside("servers") { () throws(BenchError) in
      try attempt { () throws(SystemError) in try EchoLoop.listen(server.words.0, port: 80) }
    }
    return try network.inside("client") { () throws(BenchError) in
      try attempt { () throws(SystemError) in
        let loop = try EchoLoop(listener: listener, count: count)
        return try loop.run(to: vip.words.0, port: 80)
      }
    }
  }

  private func allowDescriptors() throws(SystemError) {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
      throw .last("ask for the limit of files")
    }
    let wanted = rlim_t(2 * count + 1024)
    if limit.rlim_cur >= wanted { return }
    limit.rlim_cur = wanted
    limit.rlim_max = max(limit.rlim_max, wanted)
    guard setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
      throw .last("open \(wanted) files at once")
    }
  }
}
