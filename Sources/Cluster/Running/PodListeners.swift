import ClusterModel
import Glibc
import HostSystem
import Netlink

/// The ports of the calling thread's network namespace at which programs wait (proc(5), net/tcp and net/udp).
struct PodListeners {
  private(set) var ports: [ServicePort.TransportProtocol: Set<UInt16>] = [:]

  init() throws(SystemError) {
    for file in ["tcp", "tcp6"] { try add(.tcp, file, state: "0A") }
    for file in ["udp", "udp6"] { try add(.udp, file, state: "07") }
  }

  func contains(_ transport: ServicePort.TransportProtocol, _ port: UInt16) -> Bool {
    ports[transport]?.contains(port) == true
  }

  private mutating func add(
    _ transport: ServicePort.TransportProtocol, _ file: String, state: String
  ) throws(SystemError) {
    let path = "/proc/thread-self/net/\(file)"
    guard access(path, F_OK) == 0 else { return }
    let descriptor = try Descriptor(checking: open(path, O_RDONLY | O_CLOEXEC), "read \(path)")
    var buffer = [UInt8](repeating: 0, count: 32_768)
    var rest: [UInt8] = []
    var isFirst = true
    while true {
      let count = read(descriptor.number, &buffer, buffer.count)
      guard count > 0 else { return }
      rest += buffer[..<count]
      while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
        let line = String(decoding: rest[..<end], as: UTF8.self)
        rest.removeSubrange(...end)
        if isFirst {
          isFirst = false
          continue
        }
        let words = line.split(separator: " ", maxSplits: 4)
        guard words.count > 3 else { continue }
        if words[3] == state {
          if let port = Self.port(words[1]) { ports[transport, default: []].insert(port) }
        } else if transport == .tcp {
          // Listening sockets come first, and there may be very many others.
          return
        }
      }
    }
  }

  /// The port of ADDRESS:PORT in hexadecimal digits.
  private static func port(_ text: Substring) -> UInt16? {
    text.lastIndex(of: ":").flatMap { UInt16(text[text.index(after: $0)...], radix: 16) }
  }
}
