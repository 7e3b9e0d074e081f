import Glibc
import HostSystem
import Lab

/// One command to see it all: a lab, the four forwarding methods, real requests, and how fast it is.
public struct Demo: Sendable {
  /// The folder of the programs to be shown, svs and ipvsadm.
  public var programs: String
  /// HTTP requests for each forwarding method.
  public var requests: Int
  /// Whether to compare with nftables.
  public var measures: Bool

  /// - Parameter programs: the running program's own folder where absent.
  public init(programs: String? = nil, requests: Int = 12, measures: Bool = true) {
    self.programs = programs ?? Demo.ownFolder
    self.requests = requests
    self.measures = measures
  }

  /// Runs the demo and prints as it goes; nothing of it stays, also when it is interrupted.
  ///
  /// - Returns: whether every request was answered, and by the servers in turn.
  public func run() throws(DemoError) -> Bool {
    guard geteuid() == 0 else { throw .notRoot }
    for name in ["svs", "ipvsadm"] where access("\(programs)/\(name)", X_OK) != 0 {
      throw .missingProgram("\(programs)/\(name)")
    }
    // Building takes a fraction of a second, and must not be cut off half way.
    Interruption.hold()
    // A reader who goes away, as head does, must not end the program with the lab still up.
    signal(SIGPIPE, SIG_IGN)
    let lab: Lab
    do { lab = try Lab(Lane.added(to: BuiltInLab.all.topology), name: freeName) } catch { throw .lab(error) }
    let stage = Stage(lab: lab, programs: programs)
    let interruption = Interruption { [detach = stage.detach, ending = stage.lab.ending] in
      detach()
      do throws(LabError) { try ending() } catch {
        Text.complain("not everything of the demo could be removed: \(error)")
      }
    }
    let result: Result<Bool, DemoError>
    do throws(DemoError) { result = .success(try play(stage)) } catch { result = .failure(error) }
    // An interrupted demo's commands fail because the ground is taken from under them: nobody wants to read that.
    guard interruption.mayEnd() else { while true { pause() } }
    stage.detach()
    do { try stage.lab.down() } catch { throw .lab(error) }
    return try result.get()
  }

  private func play(_ stage: borrowing Stage) throws(DemoError) -> Bool {
    try Text.introduction(stage.lab.name)
    let methods = Method.all
    var allIsWell = true
    for method in methods {
      try say("\n\(method.name): \(method.explanation)")
      for command in method.commands { try stage.show(command) }
      allIsWell = try stage.request(method, requests) && allIsWell
    }
    try say("")
    try say(stage.show(["ipvsadm", "-Ln"]))
    try say(stage.show(["ipvsadm", "-Ln", "--stats"]))
    if measures { try Speed.compare(stage) }
    return allIsWell
  }

  /// The lab's name shows in `ip netns`; several demos may run at once.
  private var freeName: String { "demo-\(getpid())" }

  private static var ownFolder: String {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = readlink("/proc/self/exe", &buffer, buffer.count)
    let path = String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
  }
}
