import CSystem
import Glibc
import HostSystem
import Netlink

/// What `up` did for one VIP in one network namespace, in a file of its own.
struct Record {
  static let heading = "svs-real-server 1"

  var plan: RealServerPlan
  var steps: [Step] = []

  private var firstLines: String {
    "\(Record.heading)\nplan \(plan.vip) \(plan.isTunnelled ? "tunnelled" : "direct") \(plan.silence.rawValue)\n"
  }

  init(_ plan: RealServerPlan) { self.plan = plan }

  /// A last line without its end was being written when the writer died, and was not acted on.
  init?(_ text: String) {
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
    guard lines.popFirst() == Substring(Record.heading), let second = lines.popFirst() else { return nil }
    let words = second.split(separator: " ")
    guard words.count == 4, words[0] == "plan", let vip = IPAddress(words[1]),
      let silence = RealServerPlan.Silence(rawValue: String(words[3]))
    else { return nil }
    plan = RealServerPlan(vip, isTunnelled: words[2] == "tunnelled", silence: silence)
    for line in lines {
      guard let step = Step(line: line) else { return nil }
      steps.append(step)
    }
  }

  var text: String { firstLines + steps.map { $0.line + "\n" }.joined() }
}

/// The records of the calling thread's network namespace, under a lock that one command holds at a time.
struct RecordFolder: ~Copyable {
  /// By the namespace's cookie, since a machine's namespaces are real servers of their own.
  static let root = "/run/svs/real-server"

  let path: String
  private let lock: Descriptor

  /// Opens the folder for the calling thread's namespace and waits for its lock.
  init() throws(RealServerError) {
    let cookie = try network { () throws(NetlinkError) in try NetworkNamespace.current().cookie }
    let path = "\(RecordFolder.root)/\(cookie)"
    lock = try system { () throws(SystemError) in
      try Files.makeFolder(path)
      let lock = try Descriptor(
        checking: open("\(RecordFolder.root)/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o644), "open the lock")
      try SystemError.check(svs_lock_file(lock.number, 1), "lock \(RecordFolder.root)")
      return lock
    }
    self.path = path
  }

  func record(of vip: IPAddress) throws(RealServerError) -> Record? {
    let path = file(of: vip)
    guard access(path, F_OK) == 0 else { return nil }
    let text = try system { () throws(SystemError) in try Files.text(path) }
    // Nothing is done before the first lines stand: a file without them is a writer's that died at once.
    if !text.contains("\n") || text.split(separator: "\n").count < 2 { return nil }
    guard let record = Record(text) else { throw .record(path) }
    return record
  }

  /// Every VIP's record.
  func all() throws(RealServerError) -> [Record] {
    var records: [Record] = []
    for name in Files.list(path) {
      guard let vip = IPAddress(name), let record = try record(of: vip) else { continue }
      records.append(record)
    }
    return records
  }

  func write(_ record: Record) throws(RealServerError) {
    let folder = path
    let path = file(of: record.plan.vip)
    try system { () throws(SystemError) in
      // The last VIP's removal took the folder along.
      try Files.makeFolder(folder)
      try Files.replace(path, with: record.text)
    }
  }

  func remove(_ vip: IPAddress) throws(RealServerError) {
    let folder = path
    let file = file(of: vip)
    try system { () throws(SystemError) in
      try Files.remove(file)
      if Files.list(folder).isEmpty { try Files.remove(folder) }
    }
  }

  private func file(of vip: IPAddress) -> String { "\(path)/\(vip)" }
}
