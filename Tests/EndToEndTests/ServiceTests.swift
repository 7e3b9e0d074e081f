import Glibc
import HostSystem
import Testing

@testable import Lab

/// What `ipvsadm.service` does, without systemd: `make test-kernels` boots it.
@Suite struct ServiceTests {
  private static let good = """
    # the shop
    -A -t 10.9.9.1:80 -s rr
    -a -t 10.9.9.1:80 -r 10.0.0.11:80 -m -w 1
    -a -t 10.9.9.1:80 -r 10.0.0.12:80 -m -w 2

    """

  /// Rules as `ipvsadm-save -n` prints them, in its order.
  private static let saved = """
    -A -t 10.9.9.1:80 -s rr
    -a -t 10.9.9.1:80 -r 10.0.0.11:80 -m -w 1
    -a -t 10.9.9.1:80 -r 10.0.0.12:80 -m -w 2

    """

  /// The service as `make install` installs it, with a file of rules.
  private struct Installed {
    let folder: String
    let director: DirectorLab

    init(_ director: DirectorLab) throws {
      self.director = director
      var template = Array("/tmp/svs-service.XXXXXX".utf8CString)
      let made = try #require(mkdtemp(&template))
      folder = String(cString: made)
      let repository = String(#filePath.split(separator: "/Tests/")[0])
      try run(["make", "-s", "-C", repository, "install-service", "PREFIX=\(folder)"])
      try Files.makeFolder("\(folder)/sbin")
      for program in ["svs", "ipvsadm", "ipvsadm-save", "ipvsadm-restore"] {
        let source = String(Programs.svs.dropLast("svs".count)) + program
        try #require(symlink(source, "\(folder)/sbin/\(program)") == 0)
      }
    }

    var rules: String { "\(folder)/rules" }

    func run(_ words: [String]) throws { try director.run("director", words) }

    func call(_ verb: String, _ settings: [String] = []) throws -> ExecutionResult {
      try director.lab.exec(
        "director", ["env", "IPVSADM_RULES=\(rules)"] + settings + ["\(folder)/libexec/svs/ipvsadm-service", verb])
    }

    func succeed(_ verb: String, _ settings: [String] = [], sourceLocation: SourceLocation = #_sourceLocation) throws {
      let result = try call(verb, settings)
      #expect(result.succeeded, "\(verb): \(result.errors)", sourceLocation: sourceLocation)
    }

    /// The verb must fail; what it says on standard error.
    func fail(
      _ verb: String, _ settings: [String] = [], sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> String {
      let result = try call(verb, settings)
      #expect(!result.succeeded, "\(verb) must fail", sourceLocation: sourceLocation)
      return result.errors
    }

    var standing: String { get throws { try director.run("director", ["\(folder)/sbin/ipvsadm-save", "-n"]) } }
  }

  private func withService(_ body: @escaping @Sendable (DirectorLab, Installed) throws -> Void) async throws {
    try await withDirector(Stage.plain) { director in
      let service = try Installed(director)
      defer { try? Files.remove(service.folder) }
      try Files.write(Self.good, to: service.rules)
      try body(director, service)
    }
  }

  @Test func systemdUnderstandsTheUnit() async throws {
    try await withService { director, service in
      try director.run(
        "director", ["systemd-analyze", "verify", "--man=no", "\(service.folder)/lib/systemd/system/ipvsadm.service"])
    }
  }

  @Test func startReloadAndStop() async throws {
    try await withService { director, service in
      try service.succeed("start")
      #expect(try service.standing == Self.saved)
      try director.ipvsadm("-A -u 10.9.9.1:53")
      try service.succeed("reload")
      #expect(try service.standing == Self.saved, "a reload puts the file's rules in place of those there are")
      try director.ipvsadm("-A -u 10.9.9.1:53")
      try service.succeed("stop")
      #expect(try service.standing == "")
      #expect(try Files.text(service.rules) == Self.good, "nobody asked for saving")
      try service.succeed("start")
      try director.ipvsadm("-A -u 10.9.9.1:53")
      let before = try service.standing
      try service.succeed("stop", ["IPVS_SAVE_ON_STOP=yes"])
      #expect(try Files.text(service.rules) == before)
    }
  }

  @Test func aFileThatIsWrongChangesNothing() async throws {
    try await withService { director, service in
      try service.succeed("start")
      let broken = Self.good.split(separator: "-w 2").joined(separator: "-w 7") + "-A -t 10.9.9.1:81 -s nonsense\n"
      try Files.write(broken, to: service.rules)
      for verb in ["start", "reload"] {
        let told = try service.fail(verb)
        #expect(told.contains("\(service.rules):5: Scheduler or persistence engine not found"))
        #expect(told.contains("no rule was changed"))
        #expect(try service.standing == Self.saved)
      }
      // Right in itself, and refused by this director: its knob is off.
      try Files.write(
        "-A -t 10.9.9.1:79 -s rr\n-A -t 10.9.9.1:80 -s twos\n-A -t 10.9.9.1:81 -s rr\n", to: service.rules)
      #expect(try service.fail("reload").contains("the rules are as they were"))
      #expect(try service.standing == Self.saved)
      try Files.remove(service.rules)
      #expect(try service.fail("start").contains("\(service.rules) cannot be read"))
      #expect(try service.standing == Self.saved)
    }
  }

  @Test func settingsOfTheDirector() async throws {
    try await withService { director, service in
      try director.svs("detach")
      let settings = ["SVS_CONNECTIONS=2048", "SVS_INTERFACES=front", "SVS_SYSCTL=svs.twos=1 net.ipv4.vs.sloppy_tcp=1"]
      try Files.write("-A -t 10.9.9.1:80 -s twos\n", to: service.rules)
      try service.succeed("start", settings)
      #expect(try director.tableUse().capacity == 2048)
      #expect(try director.svs("sysctl net.ipv4.vs.sloppy_tcp") == "net.ipv4.vs.sloppy_tcp = 1\n")
      #expect(try service.standing == "-A -t 10.9.9.1:80 -s twos\n")
      let links = try director.run("director", ["ip", "-o", "link"]).split(separator: "\n")
      #expect(links.contains { $0.contains("front") && $0.contains("xdp") })
      #expect(!links.contains { $0.contains("back") && $0.contains("xdp") })

      // With rules a director keeps its size, and the file's are not half applied.
      let larger = ["SVS_CONNECTIONS=4096"] + settings.dropFirst()
      #expect(try service.fail("start", larger).contains("2048"))
      #expect(try service.standing == "-A -t 10.9.9.1:80 -s twos\n")
      // Without rules, as after a stop, it gives way.
      try service.succeed("stop", larger)
      try service.succeed("start", larger)
      #expect(try director.tableUse().capacity == 4096)

      // What a stop leaves in the pool is no fault at the next start.
      let pool = ["SVS_LOCAL_ADDRESSES=10.2.0.1 fd10:2::1"]
      for _ in 1...2 {
        try service.succeed("stop")
        try service.succeed("start", settings.suffix(1) + pool)
        let list = try director.svs("local-address list")
        #expect(list.contains(" 10.2.0.1/32 ") && list.contains(" fd10:2::1/128 "), "\(list)")
      }

      try service.succeed("stop")
      #expect(try service.fail("start", ["SVS_LOCAL_ADDRESSES=nonesuch"]).contains("nonesuch"))
      #expect(try service.standing == "")
      #expect(try service.fail("start", ["SVS_INTERFACES=nonesuch"]).contains("nonesuch"))
      #expect(try service.fail("start", ["SVS_SYSCTL=nonesuch=1"]).contains("nonesuch"))
      #expect(try service.fail("start", ["SVS_CONNECTIONS=many"]).contains("many"))
      #expect(try service.standing == "")
    }
  }

  /// FULLNAT's pools, which ipvsadm-save cannot tell, are saved and restored beside the rules.
  @Test func poolsSurviveAStopAndAStart() async throws {
    try await withService { director, service in
      try Files.write(
        "-A -t 10.9.9.1:80 -s rr\n-a -t 10.9.9.1:80 -r 10.2.0.11:80 --fullnat -w 1\n-A -f 7 -s rr\n", to: service.rules)
      let pools = "\(service.folder)/pools"
      let settings = ["SVS_POOLS=\(pools)", "IPVS_SAVE_ON_STOP=yes", "SVS_LOCAL_ADDRESSES=10.2.0.1"]
      try service.succeed("start", settings)
      #expect(try director.svs("local-address save") == "local-address add 10.2.0.1/32 --ports 1024-65535\n")
      for pool in ["tcp:10.9.9.1:80 10.2.0.60 --ports 2000-2999", "fwmark:7 10.2.0.64/28", "fd10:2::1"] {
        // It may warn that they are not this host's.
        try director.svs("local-address add \(pool)")
      }
      // The environment says no ports, the file has the last word.
      try director.svs("local-address set 10.2.0.1 --ports 4000-65535")
      let saved = try director.svs("local-address save")
      #expect(
        saved.split(separator: "\n").count == 4 && saved.contains("tcp:10.9.9.1:80 10.2.0.60/32 --ports 2000-2999"))
      try service.succeed("stop", settings)
      #expect(try Files.text(pools) == saved)
      // All is lost but the files, as when the machine starts anew.
      try director.svs("detach")
      try service.succeed("start", settings)
      let restored = try director.svs("local-address save")
      #expect(Set(restored.split(separator: "\n")) == Set(saved.split(separator: "\n")))
      // A reload puts the file's pools in place of those there are.
      try director.svs("local-address add 10.2.0.99")
      try director.svs("local-address del fwmark:7 10.2.0.64/28")
      try service.succeed("reload", settings)
      let reloaded = try director.svs("local-address save")
      #expect(Set(reloaded.split(separator: "\n")) == Set(saved.split(separator: "\n")))

      // A pool in a service's way stood so before, and the machine is not to start without its rules for that.
      try director.ipvsadm("-A -u 10.2.0.1:5353 -s rr")
      try service.succeed("stop", settings)
      try director.svs("detach")
      try service.succeed("start", settings)
      #expect(try service.standing.contains("-A -u 10.2.0.1:5353"))
      try director.ipvsadm("-D -u 10.2.0.1:5353")
      try service.succeed("stop", settings)
      try service.succeed("start", settings)

      // What does not go with the rules is found before anything is changed.
      for (wrong, said) in [
        ("local-address add tcp:10.9.9.2:80 10.2.0.60\n", "there is no such service"),
        ("local-address add 10.2.0.60/28\n", "write 10.2.0.48/28 for the network"), ("addresses, please\n", ":"),
      ] {
        try Files.write(wrong, to: pools)
        let told = try service.fail("reload", settings)
        #expect(told.contains(said) && told.contains("no rule was changed"), "\(told)")
        #expect(try director.svs("local-address save") == reloaded)
      }
    }
  }
}
