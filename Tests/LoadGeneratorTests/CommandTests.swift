import Glibc
import HostSystem
import Testing

@testable import LoadGenerator

extension OneAtATime {
  /// `svs bench load` as people call it: how it exits, and what it says.
  @Suite struct CommandTests {
    static let svs: String = {
      let path = CommandLine.arguments[0]
      return String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)]) + "/svs"
    }()

    private static func texts(_ result: Command.Result) -> (ending: Command.Ending, output: String, errors: String) {
      (result.ending, String(decoding: result.output, as: UTF8.self), String(decoding: result.errors, as: UTF8.self))
    }

    private static func load(_ words: String...) throws -> (ending: Command.Ending, output: String, errors: String) {
      try load(words)
    }

    private static func load(_ words: [String]) throws -> (ending: Command.Ending, output: String, errors: String) {
      texts(try Command([svs, "bench", "load", "-q"] + words).run(timeout: .seconds(60)))
    }

    private static func answering() throws -> ScriptedServer {
      try ScriptedServer { peer in while peer.request() { peer.send(LoadTests.good) } }
    }

    @Test func allIsWell() async throws {
      try await aside {
        let server = try Self.answering()
        defer { server.stop() }
        let result = try Self.load(server.url, "-u", "1", "--threads", "1", "-t", "1", "--wait", "0.01")
        #expect(result.ending == .exited(code: 0) && result.errors.isEmpty, "\(result)")
        #expect(result.output.contains("1 user on 1 thread, each with its pauses, "), "\(result.output)")
        let plain = try Self.load(server.url, "-u", "2", "--threads", "1", "-t", "0.5")
        #expect(plain.output.contains("2 users on 1 thread, each as fast as it is answered"), "\(plain.output)")
      }
    }

    @Test func aPlanThatWasNotKeptIsNoSuccess() async throws {
      try await aside {
        let server = try ScriptedServer { peer in
          for _ in 0..<10 where peer.request() { peer.send(LoadTests.good) }
          while peer.request() {}
        }
        defer { server.stop() }
        let result = try Self.load(server.url, "-u", "1", "--rate", "100", "-t", "1", "--timeout", "0.3", "--json", "-")
        #expect(result.ending == .exited(code: 2), "\(result)")
        #expect(result.errors.contains(" of ") && result.errors.contains("requests were not answered"), "\(result)")
        #expect(result.output.contains("\"overdue\"") && result.output.contains("requests were not answered"))
      }
    }

    @Test(arguments: [SIGINT, SIGTERM, SIGHUP]) func anInterruptKeepsTheFigures(signal: CInt) async throws {
      try await aside {
        let server = try Self.answering()
        defer { server.stop() }
        let started = try Command([Self.svs, "bench", "load", "-q", "-u", "2", "-t", "60", server.url]).begin()
        defer { kill(started.pid, SIGKILL) }
        let deadline = Deadline(in: .seconds(30))
        while server.connections < 2 {
          try #require(!deadline.hasPassed)
          poll(nil, 0, 10)
        }
        kill(started.pid, signal)
        let result = Self.texts(try started.wait(timeout: .seconds(30)))
        #expect(result.ending == .exited(code: 130), "\(result)")
        #expect(result.errors.hasPrefix("svs: interrupted after ") && result.errors.contains("figures until then"))
        #expect(result.output.contains("GET /"))
      }
    }

    /// Each with its own words.
    @Test func whatCannotBeLoaded() async throws {
      try await aside {
        let port = try Nginx.freePort()
        let plain = try ScriptedServer { peer in
          peer.send("220 mail.example ESMTP\r\n")
          _ = peer.request()
        }
        defer { plain.stop() }
        let cases = [
          ("http://127.0.0.1:\(port)/", "Connection refused"),
          ("http://no-such-host.invalid/", "cannot find the address of 'no-such-host.invalid'"),
          ("https://127.0.0.1:\(plain.port)/", "TLS"),
          // No TCP goes to everybody, on whatever network.
          ("http://255.255.255.255/", "Network is unreachable"),
        ]
        for (url, words) in cases {
          let result = try Self.load(url, "-u", "1", "-t", "0.5", "--timeout", "1")
          #expect(result.ending == .exited(code: 1), "\(url): \(result)")
          #expect(result.errors.contains(words), "\(url): \(result)")
          #expect(result.errors.hasPrefix("svs: "), "\(url): \(result)")
        }
      }
    }

    /// Words that are wrong, by the status that the manual has for them.
    @Test func mistakesInWords() async throws {
      let url = "http://127.0.0.1:1/"
      let cases: [([String], String)] = [
        (["ftp://x/"], "http:// or https://"), (["http://"], "names no host"), ([url, "-H", "foo"], "'Name: value'"),
        ([url, "-X", "GE T"], "one word"), ([url, "-X", "get"], "write GET"),
        ([url, "-d", "${nosuch}"], "no variable"), ([url, "-H", "X: ${user}"], "would be sent as it is"),
        ([url, "--json", ""], "--json takes the name of a file"),
        ([url, "--csv", ""], "--csv takes the name of a file"),
        ([url, "-t", "-5"], "more than 0"), ([url, "-u", "-5"], "from 1"), ([url, "--rate", "-5"], "greater than 0"),
        ([url, "-r", "-1"], "greater than 0"), ([url, "-r", "inf"], "up to"),
        ([url, "--timeout", "-1"], "more than 0"),
        ([url, "--threads", "-1"], "from 1"), ([url, "--wait", "-1"], "from 0"),
        (["--master", "x", "--master-port", "-1"], "a port is 0 to 65535"),
        ([url, "--master-port", "5557"], "--master HOST"),
        ([url, "--json", "-", "--csv", "-"], "same place"), ([url, "-t"], "Missing value"),
      ]
      try await aside {
        for (words, expected) in cases {
          let result = try Self.load(words)
          #expect(result.ending == .exited(code: 64) && result.errors.contains(expected), "\(words): \(result)")
          #expect(!result.errors.contains("Usage: svs <subcommand>"), "\(result.errors)")
        }
      }
    }

    /// A place that cannot be written to is told before anything is sent; a full one does not cost the result.
    @Test func results() async throws {
      try await aside {
        let server = try Self.answering()
        defer { server.stop() }
        for option in ["--json", "--csv"] {
          for path in ["/nowhere/x", "/tmp", "/proc/version"] {
            let refused = try Self.load(server.url, "-t", "60", option, path)
            #expect(refused.ending == .exited(code: 1) && refused.errors.contains("write \(path)"), "\(refused)")
            #expect(refused.output.isEmpty)
          }
        }
        #expect(server.connections == 0)
        let full = try Self.load(server.url, "-u", "1", "-t", "0.2", "--json", "/dev/full")
        #expect(full.ending == .exited(code: 1) && full.errors.contains("No space left"), "\(full)")
        #expect(full.output.contains("\"schema\""))
        // Standard output is one document's; what has no other place does not spoil it.
        for (first, second) in [("--json", "--csv"), ("--csv", "--json")] {
          let mixed = try Self.load(server.url, "-u", "1", "-t", "0.2", first, "-", second, "/dev/full")
          #expect(mixed.ending == .exited(code: 1) && mixed.errors.contains("No space left"), "\(mixed)")
          let (json, csv) = first == "--json" ? (mixed.output, mixed.errors) : (mixed.errors, mixed.output)
          #expect(json.contains("\"schema\"") && !json.contains("method,name,"), "\(mixed)")
          #expect(csv.contains("method,name,") && !csv.contains("\"schema\""), "\(mixed)")
        }
      }
    }

    @Test func descriptors() async throws {
      try await aside {
        let server = try Self.answering()
        defer { server.stop() }
        let words = [Self.svs, "bench", "load", "-q", "-u", "60", "--threads", "1", "-t", "0.3", server.url]
        let raised = try Command(["/usr/bin/prlimit", "--nofile=50:300"] + words).run(timeout: .seconds(60))
        #expect(raised.ending == .exited(code: 0), "\(Self.texts(raised))")
        let refused = Self.texts(
          try Command(["/usr/bin/prlimit", "--nofile=50:60"] + words).run(timeout: .seconds(60)))
        #expect(refused.ending == .exited(code: 1) && refused.output.isEmpty, "\(refused)")
        #expect(refused.errors.hasPrefix("svs: 60 users need 94 open files, and this process may have 60"))
      }
    }

    /// The worker of a master that is not there.
    @Test func anInterruptedWorkerWithoutAMaster() async throws {
      try await aside {
        let port = try Nginx.freePort()
        let started = try Command([
          Self.svs, "bench", "load", "--master", "127.0.0.1", "--master-port", "\(port)", "http://127.0.0.1:1/",
        ]).begin()
        defer { kill(started.pid, SIGKILL) }
        let deadline = Deadline(in: .seconds(30))
        while !(try Files.text("/proc/\(started.pid)/fd/2")).contains("trying again") {
          try #require(!deadline.hasPassed)
          poll(nil, 0, 10)
        }
        kill(started.pid, SIGINT)
        let result = Self.texts(try started.wait(timeout: .seconds(30)))
        #expect(result.ending == .exited(code: 130), "\(result)")
        #expect(
          result.errors.hasSuffix(
            "svs: interrupted before the master at 127.0.0.1 port \(port) had accepted this worker\n"))
      }
    }
  }
}
