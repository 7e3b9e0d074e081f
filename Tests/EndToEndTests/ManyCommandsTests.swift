import CSystem
import Glibc
import HostSystem
import Netlink
import Testing

@testable import Lab

/// Several commands at once, and commands that are killed in the middle.
@Suite struct ManyCommandsTests {
  /// Twenty at once, each of them succeeds, and what they did is what stands there.
  @Test func commandsAtOnceWaitForEachOther() async throws {
    try await withDirector(Topology(hosts: [.init("director")])) { director in
      // The very first are at once too: one of them makes the director.
      let output = try director.shell(
        "director",
        """
        add() {
          \(Programs.ipvsadm) -A -t 10.1.0.$1:80 -s wlc || echo "A $1 failed"
          for n in 1 2 3 4 5; do
            \(Programs.ipvsadm) -a -t 10.1.0.$1:80 -r 10.2.0.$n:80 -m -w $n || echo "a $1 $n failed"
          done
          \(Programs.ipvsadm) -e -t 10.1.0.$1:80 -r 10.2.0.1:80 -m -w 7 || echo "e $1 failed"
          \(Programs.ipvsadm) -d -t 10.1.0.$1:80 -r 10.2.0.5:80 || echo "d $1 failed"
          \(Programs.ipvsadm) -A -u 10.1.0.$1:53 -s rr || echo "A -u $1 failed"
          \(Programs.ipvsadm) -D -u 10.1.0.$1:53 || echo "D $1 failed"
          \(Programs.ipvsadm) -L -n > /dev/null || echo "L $1 failed"
        }
        for i in $(seq 20); do add $i 2>&1 & done; wait
        """, timeout: .seconds(60))
      #expect(output == "")
      let services = try director.listing().services
      #expect(services.map(\.name).sorted() == (1...20).map { "10.1.0.\($0):80" }.sorted())
      for service in services {
        #expect(service.servers.map(\.name) == (1...4).map { "10.2.0.\($0):80" })
        #expect(service.servers.map(\.weight) == [7, 2, 3, 4])
      }
    }
  }

  /// Of twenty who add the same, one succeeds, and the others say why they do not.
  @Test func theSameCommandSucceedsOnce() async throws {
    try await withDirector(Topology(hosts: [.init("director")])) { director in
      let output = try director.shell(
        "director",
        "for i in $(seq 20); do { \(Programs.ipvsadm) -A -t 10.1.0.1:80 2>&1; echo $?; } & done; wait")
      let lines = output.split(separator: "\n").map(String.init)
      #expect(lines.filter { $0 == "0" }.count == 1)
      #expect(lines.filter { $0 == "Service already exists" }.count == 19, "\(output)")
    }
  }

  /// Killed fifty times: the next command accepts what is left, and requests are served.
  @Test func aKilledCommandLeavesAWorkingDirector() async throws {
    try await withDirector(Stage.plain) { director in
      let c = Case(method: .nat, six: false)
      try director.addService(c)
      let random = Seed()
      // Rules that do not concern the service that is looked at.
      let rules = (1...60).map { service in
        "-A -t 10.4.0.\(service):80 -s wrr\n"
          + (1...5).map { "-a -t 10.4.0.\(service):80 -r 10.5.\(service).\($0):80 -m -w \($0)\n" }.joined()
      }.joined()
      let commands: [(words: [String], input: String)] = [
        ([Programs.ipvsadm, "-R"], rules),
        ([Programs.ipvsadm, "-a", "-t", "10.4.0.1:80", "-r", "10.6.0.1:80", "-m"], ""),
        ([Programs.ipvsadm, "-d", "-t", "10.4.0.1:80", "-r", "10.5.1.1:80"], ""),
        ([Programs.ipvsadm, "-D", "-t", "10.4.0.1:80"], ""),
        ([Programs.ipvsadm, "-L", "-n"], ""),
        ([Programs.svs, "attach"], ""),
      ]
      var killed = 0
      var fuse = Fuse(longest: 25_000)
      for round in 0..<50 {
        let command = commands[round % commands.count]
        if try director.kill("director", command.words, input: command.input, after: fuse.next(random)) {
          killed += 1
        }
        fuse.adapt(killed: killed, of: round + 1)
        // What the killed one was about may or may not have happened; all else stands.
        let services = try director.listing().services
        let ours = services.filter { $0.name == "\(c.vip):80" }
        #expect(ours.count == 1 && ours[0].servers.count == 3, "round \(round), seed \(random.seed)")
        if round % 5 == 0 {
          #expect(
            tally(try director.fetch(c, 3)) == ["rs1": 1, "rs2": 1, "rs3": 1], "round \(round), seed \(random.seed)")
        }
        // Each rule can be removed and made again, so that no half of one is left.
        if round % 6 == 5 {
          for service in services where service.name.hasPrefix("10.4.") {
            try director.ipvsadm("-D -t \(service.name)")
          }
          try director.ipvsadm("-R", input: rules)
          #expect(try director.listing().services.filter { $0.servers.count == 5 }.count == 60)
          for service in 1...60 { try director.ipvsadm("-D -t 10.4.0.\(service):80") }
        }
      }
      print("\(killed) of 50 commands were killed before they ended, seed \(random.seed)")
      #expect(killed >= 10, "else it was no test")
    }
  }

  /// Killed while the director is being made or taken down.
  @Test func aKilledAttachOrDetachIsRepaired() async throws {
    try await withDirector(Stage.plain) { director in
      let c = Case(method: .direct, six: false)
      let random = Seed()
      var killed = 0
      var fuse = Fuse(longest: 150_000)
      for round in 0..<30 {
        let words =
          round % 3 == 0
          ? [Programs.ipvsadm, "-A", "-t", "\(c.vip):80", "-s", "rr"]
          : [Programs.svs, round % 3 == 1 ? "attach" : "detach"]
        if try director.kill("director", words, input: "", after: fuse.next(random)) { killed += 1 }
        fuse.adapt(killed: killed, of: round + 1)
        if round % 3 != 1 {
          try director.ipvsadm("-L -n")
          continue
        }
        try director.ipvsadm("-C")
        try director.addService(c)
        #expect(
          tally(try director.fetch(c, 3)) == ["rs1": 1, "rs2": 1, "rs3": 1], "round \(round), seed \(random.seed)")
        if round % 2 == 0 { try director.svs("detach") }
      }
      print("\(killed) of 30 commands were killed before they ended, seed \(random.seed)")
      #expect(killed >= 10, "else it was no test")
      try director.svs("detach")
      let links = try director.run("director", ["ip", "-o", "link"])
      #expect(!links.contains("svs0") && !links.contains("svs1") && !links.contains("xdp"), "\(links)")
    }
  }
}

/// How long a command may run before it is killed: half of them shall not end, on fast machines and on slow ones.
private struct Fuse {
  /// Microseconds.
  var longest: Int

  func next(_ random: Seed) -> Int { random.next(in: 0...longest) }

  mutating func adapt(killed: Int, of rounds: Int) {
    longest = killed * 2 < rounds ? max(1_000, longest * 3 / 4) : min(1_000_000, longest * 4 / 3)
  }
}

/// Random numbers that can be had again.
private final class Seed: @unchecked Sendable {
  let seed = UInt64.random(in: 1...1_000_000)
  private var state: UInt64

  init() { state = seed }

  func next(in range: ClosedRange<Int>) -> Int {
    // Numerical Recipes' linear congruential generator; the upper bits are the better ones.
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return range.lowerBound + Int(state >> 33) % range.count
  }
}

extension DirectorLab {
  /// Starts a command and kills it after so many microseconds; whether it had not ended by then.
  fileprivate func kill(_ host: String, _ words: [String], input: String, after delay: Int) throws -> Bool {
    let file = "\(lab.folder)/\(host)/input"
    try Files.write(input, to: file)
    let pid = try lab.inside(host) {
      let null = try Descriptor(checking: open("/dev/null", O_WRONLY | O_CLOEXEC), "open /dev/null")
      let standard = try Descriptor(checking: open(file, O_RDONLY | O_CLOEXEC), "open \(file)")
      return try Command(words).start(input: standard.number, output: null.number, errors: null.number)
    }
    usleep(UInt32(delay))
    _ = Glibc.kill(pid, SIGKILL)
    var status: CInt = 0
    waitpid(pid, &status, 0)
    return status & 0x7F == SIGKILL
  }
}
