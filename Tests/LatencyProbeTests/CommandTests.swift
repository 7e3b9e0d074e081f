import FoundationEssentials
import Glibc
import HostSystem
import LatencyProbe
import Measurement
import Testing

/// `svs bench latency` and `svs bench compare`, as they are typed.
@Suite("The latency command")
struct CommandTests {
  private static let welcome = ScriptedServer.Act.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

  private func inFolder(_ body: (String) throws -> Void) throws {
    var template = Array("/tmp/svs-latency-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw SystemError.last("make a folder") }
    let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    defer { try? Files.remove(folder) }
    try body(folder)
  }

  private func document(_ path: String) throws -> ResultDocument<LatencyResult> {
    try JSONDecoder().decode(ResultDocument<LatencyResult>.self, from: Data(try Files.read(path)))
  }

  @Test("Table, statistics, JSON and CSV tell the same probes")
  func outputs() throws {
    let server = try ScriptedServer([.hear, Self.welcome])
    try inFolder { folder in
      let url = "http://127.0.0.1:\(server.port)/"
      let result = try Program.svs(
        ["bench", "latency", "-n", "12", "--json", "\(folder)/a.json", "--csv", "\(folder)/a.csv", url])
      #expect(result.status == 0 && result.errors.isEmpty, "\(result)")
      let lines = result.output.split(separator: "\n", omittingEmptySubsequences: false)
      #expect(lines[0] == "time_connect  time_starttransfer  time_total")
      let totals = lines[1...12].map { Double($0.split(separator: " ").last ?? "") }
      let document = try document("\(folder)/a.json")
      #expect(document.schema == LatencyResult.schema)
      #expect(document.error == nil && !document.partial)
      #expect(document.result.paths.map(\.url) == [url])
      #expect(document.result.paths[0].probes.map(\.times.total) == totals)
      #expect(document.series.first { $0.name == "time_total" }?.samples == totals)
      #expect(result.output.contains("12 of 12 probes answered by 127.0.0.1, HTTP/1.1"))
      let csv = try Files.text("\(folder)/a.csv").split(separator: "\n")
      #expect(csv.count == 13)
      #expect(csv[0].hasPrefix("url,probe,start,time_namelookup,time_connect,"))
      #expect(csv[1].hasPrefix("\(url),1,"))
      let compared = try Program.svs(["bench", "compare", "--check", "\(folder)/a.json", "\(folder)/a.json"])
      #expect(compared.status == 0 && compared.output.contains("noise"), "\(compared)")
      let data = try Program.svs(["bench", "compare", "--json", "-", "\(folder)/a.json", "\(folder)/a.json"])
      let comparison = try JSONDecoder().decode(Comparison.self, from: Data(data.output.utf8))
      #expect(data.status == 0 && comparison.rows.contains { $0.name == "time_total" }, "\(data)")
    }
  }

  @Test("JSON on standard output stands there alone")
  func standardOutput() throws {
    let server = try ScriptedServer([.hear, Self.welcome])
    let result = try Program.svs(["bench", "latency", "--json", "-", "http://127.0.0.1:\(server.port)/"])
    let document = try JSONDecoder().decode(ResultDocument<LatencyResult>.self, from: Data(result.output.utf8))
    #expect(document.result.paths[0].answered.count == 10)
  }

  @Test("A peer that vanishes leaves a partial result that says so")
  func vanishes() throws {
    try inFolder { folder in
      let port: UInt16
      do {
        let server = try ScriptedServer([.hear, Self.welcome])
        port = server.port
        let result = try Program.svs(["bench", "latency", "-q", "http://127.0.0.1:\(port)/"])
        #expect(result.status == 0, "\(result)")
      }
      let result = try Program.svs(
        ["bench", "latency", "--json", "\(folder)/b.json", "http://127.0.0.1:\(port)/"])
      #expect(result.status == 1)
      #expect(result.errors.contains("Connection refused"))
      let document = try document("\(folder)/b.json")
      #expect(document.partial)
      #expect(document.error?.contains("3 of 3 probes failed") == true)
    }
  }

  @Test("An interruption keeps what was measured", arguments: [SIGINT, SIGTERM, SIGHUP])
  func interruption(signal: CInt) throws {
    let server = try ScriptedServer([.hear, Self.welcome])
    try inFolder { folder in
      let started = try Command([
        "\(Program.folder)/svs", "bench", "latency", "-n", "10000", "--interval", "0.02", "--csv", "\(folder)/c.csv",
        "--json", "\(folder)/c.json", "http://127.0.0.1:\(server.port)/",
      ]).begin()
      // Its output is a file: the first lines of the table say that it is measuring.
      let deadline = Deadline(in: .seconds(30))
      while try Files.text("/proc/\(started.pid)/fd/1").filter({ $0 == "\n" }).count < 4 {
        try #require(!deadline.hasPassed)
        poll(nil, 0, 20)
      }
      kill(started.pid, signal)
      let result = Program.texts(try started.wait(timeout: .seconds(20)))
      #expect(result.status == 130, "\(result)")
      #expect(result.errors == "svs: interrupted; these are the figures until then\n")
      let document = try document("\(folder)/c.json")
      #expect(document.partial && document.error == "interrupted")
      let count = document.result.paths[0].probes.count
      #expect((3..<10_000).contains(count))
      let lines = try Files.text("\(folder)/c.csv").split(separator: "\n")
      #expect(lines.count == count + 1)
    }
  }

  @Test(
    "Mistakes in words are told, with status 64",
    arguments: [
      ["latency"], ["latency", "-n", "0", "http://x/"], ["latency", "-4", "-6", "http://x/"],
      ["latency", "--http1.1", "--http2", "http://x/"], ["latency", "--timeout", "0", "http://x/"],
      ["latency", "--json", "-", "--csv", "-", "http://x/"], ["latency", "--nonsense", "http://x/"], ["compare", "x"],
      ["latency", "--json", "", "http://x/"], ["latency", "--csv", "", "http://x/"],
      ["compare", "--json", "", "x", "y"],
      ["throughput", "-c", "x", "--json", ""],
    ])
  func words(_ words: [String]) throws {
    let result = try Program.svs(["bench"] + words)
    #expect(result.status == 64, "\(result)")
    #expect(result.errors.hasPrefix("Error: "))
  }

  @Test("What cannot be reached is told by name, with status 1")
  func unreachable() throws {
    let plain = try ScriptedServer([.say("220 mail.example ESMTP\r\n"), .hold])
    let cases = [
      ("http://127.0.0.1:\(try freePort())/", "Connection refused"), ("http://no-such-host.invalid/", "cannot look up"),
      ("http://255.255.255.255/", "Network is unreachable"), ("https://127.0.0.1:\(plain.port)/", "TLS failed: "),
    ]
    for (url, words) in cases {
      let result = try Program.svs(["bench", "latency", "-n", "1", "--timeout", "5", url])
      #expect(result.status == 1 && (result.output + result.errors).contains(words), "\(url): \(result)")
      #expect(result.errors.hasPrefix("svs: "), "\(url): \(result)")
    }
  }

  @Test("Mistakes in URLs, headers and addresses are told, with status 64")
  func settings() throws {
    for words in [
      ["ftp://x/"], ["-H", "x", "http://x/"], ["--resolve", "x", "http://x/"],
      ["--resolve", "x:y:1.2.3.4", "http://x/"],
      ["--resolve", "x:80:y", "http://x/"], ["http://x:0/"], ["http://"],
    ] {
      let result = try Program.svs(["bench", "latency"] + words)
      #expect(result.status == 64 && result.errors.hasPrefix("svs: "), "\(result)")
    }
  }

  @Test("Negative numbers are numbers, and out of range")
  func negative() throws {
    for (option, expected) in [("-n", "1 to 10,000,000"), ("--interval", "0 to 86,400"), ("-m", "more than 0")] {
      let result = try Program.svs(["bench", "latency", option, "-5", "http://x/"])
      #expect(result.status == 64 && result.errors.contains(expected), "\(result)")
    }
    let seed = try Program.svs(["bench", "compare", "--seed", "-5", "a", "b"])
    #expect(seed.status == 64 && seed.errors.contains("whole number from 0"), "\(seed)")
    let port = try Program.svs(["webapp", "--port", "-5"])
    #expect(port.status == 64 && port.errors.contains("0 to 65,535"), "\(port)")
  }

  @Test("A place that cannot be written to is told before the first probe")
  func places() throws {
    let full = try Program.svs(["bench", "latency", "--json", "/nowhere/x.json", "-n", "1", "http://127.0.0.1:1/"])
    #expect(full.status == 1 && full.errors.contains("/nowhere/x.json") && full.output.isEmpty, "\(full)")
  }

  @Test("A server that answers with errors where it did not is worse, however fast")
  func statuses() throws {
    let good = try ScriptedServer([.hear, Self.welcome])
    let bad = try ScriptedServer([.hear, .say("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")])
    try inFolder { folder in
      for (name, port) in [("good", good.port), ("bad", bad.port), ("dead", try freePort())] {
        _ = try Program.svs([
          "bench", "latency", "-q", "-n", "20", "--json", "\(folder)/\(name)", "http://127.0.0.1:\(port)/",
        ])
      }
      let worse = try Program.svs(["bench", "compare", "--check", "\(folder)/good", "\(folder)/bad"])
      #expect(worse.status == 1 && worse.output.contains("worse; new: 20 × status 503"), "\(worse)")
      let told = try Program.svs(["bench", "compare", "\(folder)/good", "\(folder)/bad"])
      #expect(told.status == 0 && told.output.contains("20 of 20"), "\(told)")
      let better = try Program.svs(["bench", "compare", "--check", "\(folder)/bad", "\(folder)/bad"])
      #expect(!better.output.contains("worse; new"), "\(better)")
      // Nothing answered, so that there is no time to compare.
      let dead = try Program.svs(["bench", "compare", "--check", "\(folder)/good", "\(folder)/dead"])
      #expect(
        dead.status == 1 && dead.output.contains("3 of 3") && dead.output.contains("Connection refused"), "\(dead)")
    }
  }
}
