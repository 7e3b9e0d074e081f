import HostSystem
import Netlink
import Testing

@testable import Lab

/// What programs say besides their answers, and what they say when these cannot be written.
@Suite struct OutputTests {
  @Test func lostOutputIsTold() async throws {
    try await withDirector(Stage.plain) { director in
      try director.ipvsadm("-A -t 10.9.9.1:80 -s rr")
      try director.ipvsadm("-a -t 10.9.9.1:80 -r 10.2.0.11 -m")
      let commands = [
        "attach", "attach --json", "status", "status --json", "status --drops", "sysctl", "proc ip_vs",
        "proc ip_vs_stats", "explain 10.1.0.2:40000 10.9.9.1:80", "lab list --json", "real-server list --json",
        "simulate /dev/null /dev/null --json", "help", "help attach", "--version", "--generate-completion-script bash",
      ]
      for command in commands {
        let result = try director.lab.exec("director", ["sh", "-c", "exec '\(Programs.svs)' \(command) >/dev/full"])
        #expect(result.ending == .exited(code: 1), "svs \(command): \(result.ending)")
        #expect(
          result.errors.hasSuffix("svs: standard output could not be written: No space left on device\n"),
          "svs \(command): \(result.errors)")
      }
      for command in ["-Ln", "-S", "-h", "-v"] {
        let result = try director.lab.exec(
          "director", ["sh", "-c", "exec '\(Programs.ipvsadm)' \(command) >/dev/full"])
        #expect(result.ending != .exited(code: 0) && !result.errors.isEmpty, "ipvsadm \(command): \(result.errors)")
      }
    }
  }

  @Test func countersAloneAsJSON() async throws {
    try await withDirector(Stage.plain) { director in
      try director.svs("attach front")
      // With warnings, as of the interface that is not attached, plain status exits with 4.
      #expect(try director.lab.exec("director", [Programs.svs, "status", "--json"]).ending == .exited(code: 4))
      let text = try director.svs("status --json --drops")
      #expect(text.hasPrefix("{\n  \"drops\": [\n") && text.contains("\"reason\": \"table-full\""))
      #expect(!text.contains("\"maps\""))
    }
  }

  /// Other programs stand on all interfaces: one line, with the first service.
  @Test func aDirectorThatSeesNothingIsRemarkedOnOnce() async throws {
    let topology = Topology(
      hosts: [.init("director"), .init("peer")], links: [.init(.init("director", "eth0"), .init("peer", "eth0"))])
    try await withDirector(topology) { director in
      try director.svs("sysctl -w svs.udp_drain_limit=60")
      let cookie = try NetworkNamespace.named(Lab.namespaceName(lab: director.lab.name, host: "director")).cookie
      let pin = "/run/svs/bpf/ns-\(String(cookie, radix: 16))/svs_director"
      try director.run("director", ["ip", "link", "set", "dev", "eth0", "xdpgeneric", "pinned", pin])
      try director.svs("detach")
      func errors(_ words: String) throws -> String {
        let result = try director.lab.exec(
          "director", [Programs.ipvsadm] + words.split(separator: " ").map(String.init))
        #expect(result.succeeded)
        return result.errors
      }
      let told = try errors("-A -t 10.9.9.1:80 -s rr")
      #expect(told.hasPrefix("ipvsadm: warning: no interface could be attached") && told.contains("eth0: "), "\(told)")
      #expect(told.split(separator: "\n").count == 1)
      #expect(try errors("-A -t 10.9.9.1:81 -s rr") == "")
      #expect(try errors("-C") == "")
      #expect(try errors("-A -t 10.9.9.1:81 -s rr") == "")
    }
  }
}
