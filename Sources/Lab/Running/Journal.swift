import Glibc
import Netlink

/// What a lab has made so far, one line each, written before or at once after the making.
///
/// Whoever finds the journal of a lab whose owner died can take down all of it: a line that says "intend" stands before
/// a namespace is made, after it was seen that nobody else has one of that name.
struct Journal: Sendable {
  struct Namespace: Sendable {
    var host: String
    /// Absent where the maker died before it could be written: the name alone then says that it is ours.
    var cookie: UInt64?
  }

  struct Process: Sendable {
    var host: String
    var name: String
    var pid: pid_t
    /// In clock ticks since boot (proc(5), field 22 of stat): with the pid it names one process only.
    var start: UInt64
  }

  var lifetime = Lab.Lifetime.ephemeral
  var isReady = false
  /// Whether somebody has begun to take the lab down.
  var isEnding = false
  var namespaces: [Namespace] = []
  var processes: [Process] = []
  /// Files and folders elsewhere that go with the lab.
  var paths: [String] = []

  /// The first line of every journal, with the format's version.
  static let heading = "svs-lab 1"

  enum Entry {
    case lifetime(Lab.Lifetime)
    case intend(host: String)
    case namespace(host: String, cookie: UInt64)
    case dropped(host: String)
    case process(Process)
    case path(String)
    case ready
    case ending

    var line: String {
      switch self {
      case .lifetime(let lifetime): "lifetime \(lifetime.rawValue)\n"
      case .intend(let host): "intend \(host)\n"
      case .namespace(let host, let cookie): "namespace \(host) \(cookie)\n"
      case .dropped(let host): "dropped \(host)\n"
      case .process(let process): "process \(process.host) \(process.pid) \(process.start) \(process.name)\n"
      case .path(let path): "path \(path)\n"
      case .ready: "ready\n"
      case .ending: "ending\n"
      }
    }
  }

  /// Reads a journal; a last line without its end was being written when the writer died, and says nothing.
  init?(_ text: String) {
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
    guard lines.popFirst() == Substring(Journal.heading) else { return nil }
    for line in lines {
      let words = line.split(separator: " ").map(String.init)
      switch (words.first, words.count) {
      case ("lifetime", 2): lifetime = Lab.Lifetime(rawValue: words[1]) ?? .ephemeral
      case ("intend", 2): namespaces.append(Namespace(host: words[1], cookie: nil))
      case ("namespace", 3):
        namespaces.removeAll { $0.host == words[1] }
        namespaces.append(Namespace(host: words[1], cookie: UInt64(words[2])))
      case ("dropped", 2): namespaces.removeAll { $0.host == words[1] }
      case ("process", 5):
        guard let pid = pid_t(words[2]), let start = UInt64(words[3]) else { continue }
        processes.append(Process(host: words[1], name: words[4], pid: pid, start: start))
      case ("path", 2): paths.append(words[1])
      case ("ready", 1): isReady = true
      case ("ending", 1): isEnding = true
      default: continue
      }
    }
  }
}
