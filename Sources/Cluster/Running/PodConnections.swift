import Glibc
import HostSystem

/// The TCP connections of the calling thread's network namespace, by their port here (proc(5), net/tcp).
struct PodConnections {
  private(set) var counts: [UInt16: Int] = [:]

  init() throws(SystemError) {
    for file in ["tcp", "tcp6"] {
      let path = "/proc/thread-self/net/\(file)"
      guard access(path, F_OK) == 0 else { continue }
      for line in try Files.text(path).split(separator: "\n").dropFirst() {
        let words = line.split(separator: " ", maxSplits: 4)
        guard words.count > 3, let colon = words[1].lastIndex(of: ":"),
          let port = UInt16(words[1][words[1].index(after: colon)...], radix: 16)
        else { continue }
        // ESTABLISHED, SYN_RECV and CLOSE_WAIT: those in which a program still has something to do.
        if ["01", "03", "08"].contains(words[3]) { counts[port, default: 0] += 1 }
      }
    }
  }
}
