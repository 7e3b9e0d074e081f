import CSystem
import Glibc
import HostSystem
import Lab
import Netlink
import Testing

/// `svs lab`, `svs real-server` and `svs demo`, as they are typed.
@Suite struct ProgramTests {
  /// The folder of the tests, where the programs are built too.
  private static let folder: String = {
    let path = CommandLine.arguments[0]
    return String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
  }()

  private func svs(_ words: String..., input: String = "") throws -> (status: Int32?, output: String, errors: String) {
    let result = try Command(["\(Self.folder)/svs"] + words).run(input: Array(input.utf8), timeout: .seconds(60))
    let texts = (String(decoding: result.output, as: UTF8.self), String(decoding: result.errors, as: UTF8.self))
    guard case .exited(let code) = result.ending else { return (nil, texts.0, texts.1) }
    return (code, texts.0, texts.1)
  }

  private func namespaces(_ lab: String) -> [String] {
    NetworkNamespace.names().filter { $0.hasPrefix("\(lab)-") }
  }

  @Test func aLabFromAFileComesAndGoes() throws {
    let name = "cli-\(getpid())"
    let up = try svs("lab", "up", "-", "--name", name, input: "host a\nhost b\nrun a nap -- sleep 1000\n")
    #expect(up.status == 0 && up.output.hasPrefix("\(name) is up: a, b\n"), "\(up)")
    let list = try svs("lab", "list", "--json")
    #expect(list.output.contains("\"name\": \"\(name)\"") && list.output.contains("\"namespace\": \"\(name)-b\""))
    #expect(try svs("lab", "list").output.contains("nap ("))
    let inside = try svs("lab", "exec", name, "b", "sh", "-c", "ls /sys/class/net >&2; cat /proc/net/dev; exit 7")
    #expect(inside.status == 7 && inside.output.contains("lo:") && !inside.output.contains("eth0"), "\(inside)")
    #expect(try svs("lab", "exec", name, "b").status == 64)
    let stranger = try svs("lab", "exec", name, "c", "true")
    #expect(stranger.status == 1 && stranger.errors == "svs: the lab \(name) has no host c\n")
    #expect(try svs("lab", "up", "-", "--name", name, input: "host a\n").errors.contains("is up; take it down first"))
    #expect(try svs("lab", "down", name).status == 0)
    #expect(namespaces(name).isEmpty)
    #expect(try svs("lab", "down", name).errors.hasPrefix("svs: there is no lab \(name)"))
  }

  @Test func aMistakeInAFileIsShownWhereItIs() throws {
    let result = try svs("lab", "up", "-", input: "host a\nroute a 10.0.0.0/8 via nowhere\n")
    #expect(result.status == 1)
    #expect(result.errors == "svs: standard input:2:24: \"nowhere\" is not a gateway's address\n")
    #expect(
      try svs("lab", "up", "/no/such/file").errors == "svs: cannot read /no/such/file: No such file or directory\n")
    #expect(
      try svs("lab", "up", "/dev/zero").errors == "svs: /dev/zero is larger than 1 MiB, and no description of a lab\n")
  }

  @Test func aDemoWhoseReaderLeftTakesItsLabDown() throws {
    let script = """
      { sh -c 'echo $$ >&2; exec "$0" demo --no-speed' "$0"; echo "status $?" >&2; } | head -1
      """
    let result = try Command(["bash", "-c", script, "\(Self.folder)/svs"]).run(timeout: .seconds(60))
    let lines = String(decoding: result.errors, as: UTF8.self).split(separator: "\n")
    #expect(String(decoding: result.output, as: UTF8.self).hasPrefix("A client, a director"))
    // SIGPIPE's end, as of every program that writes to head, but later.
    #expect(lines.count == 2 && lines.last == "status 141", "\(lines)")
    let number = try #require(lines.first)
    #expect(namespaces("demo-\(number)").isEmpty)
  }

  private func realServer(_ lab: borrowing Lab, _ words: String...) throws -> ExecutionResult {
    try lab.exec("rs", ["\(Self.folder)/svs", "real-server"] + words)
  }

  @Test func aRealServerIsPreparedAndPutBack() throws {
    var topology = Topology(hosts: [.init("rs"), .init("other")])
    topology.links = [.init(.init("rs", "eth0"), .init("other", "eth0"))]
    topology.hosts[0].addresses = [.init("eth0", try #require(IPPrefix("10.0.0.1/24")))]
    try withLab(topology) { lab in
      let up = try realServer(lab, "up", "192.0.2.9")
      #expect(up.succeeded && up.output.contains("added 192.0.2.9/32 to lo\n"), "\(up)")
      #expect(try realServer(lab, "up", "192.0.2.9").output == "")
      #expect(try realServer(lab, "list", "--json").output.contains("\"vip\": \"192.0.2.9\""))
      #expect(try realServer(lab, "down", "192.0.2.9").output.contains("removed 192.0.2.9/32 from lo\n"))
      #expect(try realServer(lab, "list").output == "")
      let refused = try realServer(lab, "up", "127.0.0.1")
      #expect(refused.ending == .exited(code: 1))
      #expect(refused.errors == "svs: 127.0.0.1 cannot be a virtual address\n")
      #expect(try realServer(lab, "up", "nonsense").ending == .exited(code: 64))
      #expect(try realServer(lab, "up", "192.0.2.9", "--arp", "shouting").ending == .exited(code: 64))
    }
  }

  /// Copied to where everybody may run it, as a build's folder may be closed to others.
  @Test func withoutRootTheProgramsSayWhatToDo() throws {
    let copy = "/run/svs-test-\(getpid())"
    defer { unlink(copy) }
    try #require(try Command(["install", "-m", "755", "\(Self.folder)/svs", copy]).run().ending == .exited(code: 0))
    for words in [["lab", "up", "nat"], ["demo"], ["real-server", "up", "192.0.2.1"]] {
      let nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
      let result = try Command(nobody + [copy] + words).run()
      let errors = String(decoding: result.errors, as: UTF8.self)
      #expect(result.ending == .exited(code: 1), "\(words): \(result.ending)")
      #expect(
        errors.hasPrefix("svs: ") && errors.contains("root") && errors.filter(\.isNewline).count == 1, "\(errors)")
    }
  }

  @Test func theDemoShowsAllMethodsAndLeavesNothing() throws {
    let started = try Command(["\(Self.folder)/svs", "demo", "--requests", "6"]).begin()
    let name = "demo-\(started.pid)"
    let result = try started.wait(timeout: .seconds(120))
    let text = String(decoding: result.output, as: UTF8.self)
    #expect(result.ending == .exited(code: 0), "\(text)\(String(decoding: result.errors, as: UTF8.self))")
    #expect(text.split(separator: "\n").count { $0.contains("answered by rs3 rs2 rs1 rs3 rs2 rs1") } == 4)
    #expect(text.contains("nftables DNAT") && text.contains("x nftables"))
    #expect(namespaces(name).isEmpty && access("/run/svs/labs/\(name)", F_OK) != 0)
  }

  /// At moments from its first steps to the middle of its traffic.
  @Test(arguments: [1, 10, 14, 20, 26])
  func anInterruptedDemoLeavesNothing(_ lines: Int) throws {
    let output = "/run/svs-demo-\(getpid())-\(lines)"
    defer { unlink(output) }
    let file = try Descriptor(checking: open(output, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600), "make a file")
    let pid = try Command(["\(Self.folder)/svs", "demo", "--no-speed", "--requests", "100"]).start(
      input: file.number, output: file.number, errors: file.number)
    let name = "demo-\(pid)"
    let deadline = Deadline(in: .seconds(60))
    // The lab's journal comes before any output.
    while lines == 1 ? namespaces(name).isEmpty : try Files.text(output).split(separator: "\n").count < lines {
      try #require(!deadline.hasPassed)
      usleep(500)
    }
    kill(pid, SIGINT)
    var status: CInt = 0
    waitpid(pid, &status, 0)
    let text = try Files.text(output)
    #expect(status == (128 + SIGINT) << 8, "\(status): \(text)")
    #expect(namespaces(name).isEmpty && access("/run/svs/labs/\(name)", F_OK) != 0)
    #expect(!text.contains("svs:"), "\(text)")
  }
}
