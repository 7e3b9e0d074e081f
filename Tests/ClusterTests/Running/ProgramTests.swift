import ClusterModel
import Glibc
import HostSystem
import Lab
import Netlink
import Testing

@testable import Cluster

/// `svs cluster`, as it is typed.
@Suite("The commands of svs cluster", .serialized) struct ProgramTests {
  private static let program = "\(SmallCluster.programs)/svs-cluster"

  /// Two nodes, two pods that serve, one to measure from: small, and quick to build.
  private static let description = """
    name: small
    nodes:
    - name: node1
    - name: node2
    networks: {nodes: 192.168.88.0/24, pods: {Network: 10.245.0.0/16, Backend: {Type: vxlan}}, services: 10.96.0.0/12}
    ---
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: web}
    spec:
      replicas: 2
      selector: {matchLabels: {app: web}}
      template:
        metadata: {labels: {app: web}}
        spec: {containers: [{name: web, image: sample-webapp, ports: [{containerPort: 8000}]}]}
    ---
    apiVersion: v1
    kind: Service
    metadata: {name: web}
    spec:
      type: NodePort
      clusterIP: 10.98.0.1
      selector: {app: web}
      ports: [{port: 8000, nodePort: 30800}]
    """

  private static let more = """
    apiVersion: v1
    kind: Pod
    metadata: {name: extra}
    spec: {containers: [{name: extra, image: shell, command: [sleep, "1000"]}]}
    ---
    apiVersion: v1
    kind: ConfigMap
    metadata: {name: kube-flannel-cfg}
    data:
      net-conf.json: |
        {"Network": "10.245.0.0/16", "Backend": {"Type": "vxlan"}}
    """

  private struct Outcome {
    var status: Int32?
    var output: String
    var errors: String
  }

  private func cluster(_ words: String..., input: String = "") throws -> Outcome {
    try outcome([Self.program, "cluster"] + words, input: input)
  }

  private func outcome(_ words: [String], input: String = "") throws -> Outcome {
    let result = try Command(words).run(input: Array(input.utf8), timeout: .seconds(120))
    let texts = (String(decoding: result.output, as: UTF8.self), String(decoding: result.errors, as: UTF8.self))
    guard case .exited(let code) = result.ending else { return Outcome(output: texts.0, errors: texts.1) }
    return Outcome(status: code, output: texts.0, errors: texts.1)
  }

  private func withFile<R>(_ text: String = Self.description, _ body: (String) throws -> R) throws -> R {
    let path = "/tmp/svs-cluster-\(getpid())-\(UInt32.random(in: 0 ... .max)).yaml"
    try Files.write(text, to: path)
    defer { unlink(path) }
    return try body(path)
  }

  /// What a cluster would have left: namespaces, their files in /etc, its folder, its hooks.
  private func remains(_ name: String) -> [String] {
    NetworkNamespace.names().filter { $0.hasPrefix("\(name)-") }
      + Files.list("/etc/netns").filter { $0.hasPrefix("\(name)-") }.map { "/etc/netns/\($0)" }
      + ["/run/svs/labs/\(name)", "/run/svs/bpf/cluster-\(name)"].filter { access($0, F_OK) == 0 }
  }

  /// Takes a cluster down whatever becomes of a test.
  private func withName(_ word: String, _ body: (String) throws -> Void) throws {
    let name = "\(word)-\(getpid() % 100_000)"
    defer {
      _ = try? cluster("down", name)
      #expect(remains(name) == [])
    }
    try body(name)
  }

  @Test func aClusterIsBuiltAskedChangedAndTakenDown() throws {
    try withName("cli") { name in
      let up = try withFile { try cluster("up", $0, "--name", name) }
      #expect(up.status == 0 && up.errors == "", "\(up)")
      #expect(
        up.output.hasPrefix("\(name) is up\n") && up.output.contains("svs cluster down \(name)\n"), "\(up.output)")

      let status = try cluster("status", name)
      #expect(status.status == 0 && status.output.contains("all is well"), "\(status)")
      #expect(status.output.contains("default/web  10.98.0.1:8000/tcp  30800"), "\(status.output)")
      let json = try cluster("status", name, "--json")
      #expect(json.output.contains("\"backend\" : \"vxlan\"") && json.output.contains("\"problems\" : ["))
      #expect(try cluster("status").output.contains("\(name): 2 nodes, 2 pods"))

      let answer = try cluster("exec", name, "node1", "curl", "-sS", "-m", "5", "http://10.98.0.1:8000/")
      #expect(answer.status == 0 && answer.output.hasPrefix("Welcome"), "\(answer)")
      #expect(try cluster("exec", name, "outside", "sh", "-c", "exit 7").status == 7)
      #expect(try cluster("exec", name, "\(name)-web-1", "true").status == 0)
      let absent = try cluster("exec", name, "node1", "svs-no-such-program")
      let words = "svs: cannot run svs-no-such-program: No such file or directory\n"
      #expect(absent.status == 127 && absent.errors == words, "\(absent)")
      #expect(try cluster("exec", name, "node1", "/etc/hosts").status == 126)
      let closed = try outcome(["sh", "-c", "exec \"$0\" \"$@\" >&-", Self.program, "cluster", "status", name])
      #expect(closed.status == 0 && closed.errors == "", "\(closed)")
      #expect(try cluster("exec", name, "web-1", "grep", "-c", "svc.cluster.local", "/etc/resolv.conf").output == "1\n")
      let stranger = try cluster("exec", name, "node9", "true")
      #expect(stranger.status == 1 && stranger.errors.contains("has no node or pod node9; it has "), "\(stranger)")

      #expect(try cluster("backend", name, "host-gw").status == 0)
      #expect(try cluster("exec", name, "node1", "ip", "route").output.contains("via 192.168.88.2 dev eth0"))
      #expect(try cluster("backend", name, "ipip").status == 64)
      #expect(try cluster("scale", name, "web", "3").status == 0)
      #expect(try cluster("status", name).output.contains("web-3:8000"))
      #expect(try cluster("scale", name, "web", "1").status == 0)
      let one = try cluster("status", name)
      #expect(one.status == 0 && !one.output.contains("web-2") && one.output.contains("host-gw"), "\(one)")
      #expect(try cluster("scale", name, "nothing", "1").errors.contains("there is no Deployment 'nothing'"))

      // A pod by itself in another manifest, and a flannel ConfigMap that asks for the other backend.
      let more = try withFile(Self.more) { try cluster("apply", name, $0) }
      #expect(more.status == 0 && more.errors == "", "\(more)")
      let applied = try cluster("status", name)
      #expect(applied.output.contains("extra ") && applied.output.contains("by vxlan"), "\(applied.output)")
      let inside = try cluster("exec", name, "extra", "curl", "-sS", "-m", "5", "http://10.98.0.1:8000/")
      #expect(inside.output.hasPrefix("Welcome"), "\(inside)")
      let refused = try withFile("name: x\nnodes: [{name: node1}]\n") { try cluster("apply", name, $0) }
      #expect(refused.status == 1 && refused.errors.contains("nodes"), "\(refused)")

      // What ends by itself is told.
      let web = try #require(try ClusterClient.status(name).pods.flatMap(\.programs).first { $0.isRunning })
      kill(web.pid, SIGKILL)
      let deadline = Deadline(in: .seconds(5))
      while try cluster("status", name).status == 0, !deadline.hasPassed { poll(nil, 0, 5) }
      let ill = try cluster("status", name)
      #expect(ill.status == 1 && ill.output.contains("has ended; its log is /run/svs/labs/\(name)/"), "\(ill)")

      let down = try cluster("down", name)
      #expect(down.status == 0 && down.output == "" && down.errors == "", "\(down)")
      #expect(remains(name) == [])
      #expect(try cluster("down", name).errors.hasPrefix("svs: there is no cluster \(name)"))
    }
  }

  @Test func aNameIsForOneAndNetworksAreForAll() throws {
    try withName("first") { first in
      try withName("second") { second in
        try withFile { file in
          #expect(try cluster("up", file, "--name", first, "-q").status == 0)
          let again = try cluster("up", file, "--name", first)
          #expect(again.status == 1 && again.errors.hasPrefix("svs: a cluster or lab \(first) is up; "), "\(again)")
          let other = try cluster("up", file, "--name", second, "--quiet")
          #expect(other.status == 0 && other.output == "" && other.errors == "", "\(other)")
          for name in [first, second] {
            let answer = try cluster("exec", name, "node2", "curl", "-sS", "-m", "5", "http://10.98.0.1:8000/")
            #expect(answer.output.hasPrefix("Welcome"), "\(name): \(answer)")
          }
          // One goes, and the other does not notice.
          #expect(try cluster("down", second).status == 0)
          #expect(remains(second) == [])
          let answer = try cluster("exec", first, "web-1", "curl", "-sS", "-m", "5", "http://10.98.0.1:8000/")
          #expect(answer.output.hasPrefix("Welcome"), "\(answer)")
          #expect(try cluster("status", first).status == 0)
        }
      }
    }
  }

  @Test func whatAKilledHolderLeftIsRemovedAndTold() throws {
    try withName("crash") { name in
      #expect(try withFile { try cluster("up", $0, "--name", name, "-q") }.status == 0)
      let status = try ClusterClient.status(name)
      let pids = status.pods.flatMap(\.programs).map(\.pid)
      #expect(pids.count == 2)
      let nodes = try status.nodes.map { try NetworkNamespace.named($0.namespace).cookie }
      kill(status.holder, SIGKILL)
      let deadline = Deadline(in: .seconds(10))
      while access("/proc/\(status.holder)/exe", F_OK) == 0, !deadline.hasPassed { poll(nil, 0, 2) }
      #expect(!remains(name).isEmpty)
      let look = try cluster("status", name)
      // Another test's command may have come before, and been told instead.
      let words = ["the program that held the cluster \(name) had died", "there is no cluster \(name)"]
      #expect(look.status == 1 && words.contains(where: look.errors.contains), "\(look)")
      while !remains(name).isEmpty, !deadline.hasPassed { poll(nil, 0, 5) }
      #expect(remains(name) == [])
      for cookie in nodes { #expect(access("/run/svs/bpf/ns-\(cookie)", F_OK) != 0) }
      // One that has ended has no program any more, collected or not.
      for pid in pids { #expect(access("/proc/\(pid)/exe", F_OK) != 0) }
    }
  }

  @Test func aHolderThatIsStoppedIsTold() throws {
    try withName("still") { name in
      #expect(try withFile { try cluster("up", $0, "--name", name, "-q") }.status == 0)
      let holder = try ClusterClient.status(name).holder
      kill(holder, SIGSTOP)
      defer { kill(holder, SIGCONT) }
      let look = try cluster("status", name)
      #expect(
        look.status == 1 && look.errors.contains("\(name) (pid \(holder)) does not answer; is it stopped?"), "\(look)")
      // Whoever no longer waits for a change leaves it to the holder.
      let started = try Command([Self.program, "cluster", "scale", name, "web", "3"]).begin()
      let (pid, deadline) = (started.pid, Deadline(in: .seconds(10)))
      while try !watchesSignals(pid), !deadline.hasPassed { poll(nil, 0, 2) }
      kill(pid, SIGINT)
      let result = try started.wait(timeout: .seconds(60))
      let errors = String(decoding: result.errors, as: UTF8.self)
      #expect(result.ending == .exited(code: 130) && errors.contains("goes on in the background"), "\(errors)")
      kill(holder, SIGCONT)
      let change = Deadline(in: .seconds(60))
      while try !cluster("status", name).output.contains("web-3:8000"), !change.hasPassed { poll(nil, 0, 20) }
      let status = try cluster("status", name)
      #expect(status.status == 0 && status.output.contains("web-3:8000"), "\(status)")
    }
  }

  /// Whether a process blocks SIGHUP, SIGINT and SIGTERM, to read them from a descriptor (proc(5), status).
  private func watchesSignals(_ pid: pid_t) throws -> Bool {
    let lines = try Files.text("/proc/\(pid)/status").split(separator: "\n")
    let mask = lines.first { $0.hasPrefix("SigBlk:") }?.split(separator: "\t").last
    return (mask.flatMap { UInt64($0, radix: 16) } ?? 0) & 0x4003 == 0x4003
  }

  @Test func aClusterWhoseFolderIsRemovedGoes() throws {
    try withName("lost") { name in
      #expect(try withFile { try cluster("up", $0, "--name", name, "-q") }.status == 0)
      let status = try ClusterClient.status(name)
      try Files.remove("/run/svs/labs/\(name)")
      let deadline = Deadline(in: .seconds(30))
      while !remains(name).isEmpty, !deadline.hasPassed { poll(nil, 0, 10) }
      #expect(remains(name) == [])
      while access("/proc/\(status.holder)/exe", F_OK) == 0, !deadline.hasPassed { poll(nil, 0, 10) }
      for pid in status.pods.flatMap(\.programs).map(\.pid) + [status.holder] {
        #expect(access("/proc/\(pid)/exe", F_OK) != 0)
      }
    }
  }

  @Test func aReaderThatLeftIsNoError() throws {
    var ends: [CInt] = [-1, -1]
    try #require(pipe(&ends) == 0)
    close(ends[0])
    let output = Descriptor(ends[1])
    let null = try Descriptor(checking: open("/dev/null", O_RDWR | O_CLOEXEC), "open /dev/null")
    let pid = try Command([Self.program, "cluster", "example"]).start(
      input: null.number, output: output.number, errors: null.number)
    var status: CInt = 0
    waitpid(pid, &status, 0)
    #expect(status & 0x7F == SIGPIPE)
  }

  /// How many lines the journal has when the interruption comes: in the middle of namespaces, files,
  /// services, programs.
  @Test(arguments: [2, 9, 16, 19, 24]) func whatIsInterruptedLeavesNothing(_ lines: Int) throws {
    try withName("stop\(lines)") { name in
      try withFile { file in
        let started = try Command([Self.program, "cluster", "up", file, "--name", name]).begin()
        let deadline = Deadline(in: .seconds(60))
        func journal() -> Int {
          ((try? Files.text("/run/svs/labs/\(name)/journal")) ?? "").split(separator: "\n").count
        }
        while journal() < lines, !deadline.hasPassed { sched_yield() }
        #expect(!deadline.hasPassed)
        kill(started.pid, SIGINT)
        let result = try started.wait(timeout: .seconds(60))
        #expect(result.ending == .exited(code: 130))
        let errors = String(decoding: result.errors, as: UTF8.self)
        #expect(errors == "svs: the cluster was given up before it was complete; nothing of it is left\n", "\(errors)")
        #expect(remains(name) == [])
      }
    }
  }

  @Test func whatIsMissingIsToldBeforeAnythingIsBuilt() throws {
    try withName("missing") { name in
      let folder = "/tmp/svs-cluster-\(getpid())-path"
      try Files.makeFolder(folder)
      defer { try? Files.remove(folder) }
      let without = try outcome(["/usr/bin/env", "PATH=\(folder)", Self.program, "cluster", "up", "--name", name])
      #expect(
        without.status == 1 && without.errors == "svs: the program nft is missing: apt install nftables\n", "\(without)"
      )
      symlink("/usr/sbin/nft", "\(folder)/nft")
      let half = try outcome(["/usr/bin/env", "PATH=\(folder)", Self.program, "cluster", "up", "--name", name])
      #expect(half.errors == "svs: the program dnsmasq is missing: apt install dnsmasq-base\n", "\(half)")
      let wrong = try withFile("name: x\nnodes: []\n") { try cluster("up", $0, "--name", name) }
      #expect(wrong.status == 1 && wrong.errors.contains("nodes"), "\(wrong)")
      #expect(remains(name) == [])
    }
  }

  @Test func theExampleIsAFileThatUpTakes() throws {
    let example = try cluster("example")
    #expect(example.output == ClusterDescription.standardText)
    #expect(try cluster("exec", "nobody", "nothing", "true").errors.hasPrefix("svs: there is no cluster nobody"))
    #expect(try cluster("up", "--patience", "0").status == 64)
    for command in ["up", "down", "status", "exec", "backend", "apply", "scale", "example"] {
      let help = try cluster(command, "--help")
      #expect(help.status == 0 && help.output.contains("EXAMPLES"), "\(command): \(help)")
    }
  }
}
