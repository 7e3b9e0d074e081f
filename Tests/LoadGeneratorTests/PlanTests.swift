import Measurement
import Testing

@testable import LoadGenerator

@Suite struct PlanTests {
  @Test(arguments: [
    ("http://a", Target(isSecure: false, host: "a", port: 80), "/", "a"),
    ("https://a.b:8443/x?y=1#z", Target(isSecure: true, host: "a.b", port: 8443), "/x?y=1", "a.b:8443"),
    ("http://[::1]:8000?q", Target(isSecure: false, host: "::1", port: 8000), "/?q", "[::1]:8000"),
    ("https://[fd00::1]/", Target(isSecure: true, host: "fd00::1", port: 443), "/", "[fd00::1]"),
  ])
  func urls(_ url: String, _ target: Target, _ path: String, _ authority: String) throws {
    let parsed = try Target.parse(url)
    #expect(parsed.target == target && parsed.path == path && parsed.target.authority == authority)
  }

  @Test(arguments: [
    "", "a", "ftp://a", "http://", "http:///x", "http://a:0", "http://a:65536", "http://a:x", "http://u@a",
    "http://[::1",
    "http://[::1]x", "http://a/ b", "http://a/ä",
  ])
  func noURLs(_ url: String) { #expect(throws: LoadError.self) { try Target.parse(url) } }

  @Test func templates() {
    var random = SeededGenerator(seed: 1)
    func text(_ source: String, counter: UInt64 = 7) -> String {
      var bytes: [UInt8] = []
      let values = Template.Values(user: Array("U".utf8), counter: counter, microseconds: 1_700_000_000_000_042)
      Template(source).append(to: &bytes, values, random: &random)
      return String(decoding: bytes, as: UTF8.self)
    }
    #expect(text("${user}-${counter}") == "U-7")
    #expect(text("t=${timestamp}&") == "t=1700000000.000042&")
    #expect(text("$${user}${x}$ ${use") == "$U${x}$ ${use")
    let uuid = text("${uuid}")
    #expect(uuid.count == 36 && uuid != text("${uuid}"))
    #expect(Array(uuid)[14] == "4" && "89ab".contains(Array(uuid)[19]))
    #expect(Template("plain").constant == Array("plain".utf8) && Template("").constant == [])
    #expect(Template("a${user}").constant == nil)
    #expect(text("${$}{user} ${$}") == "${user} $" && Template("a${$}b").constant == Array("a$b".utf8))
  }

  @Test func variablesThatThereAreNot() {
    #expect(Template.mistake(in: "$ {user} ${user}${uuid}${counter}${timestamp}${$}{x}") == nil)
    for text in ["${nosuch}", "a${user}${User}", "${}", "${user", "$${use"] {
      #expect(Template.mistake(in: text)?.contains("known are ${user}, ${uuid}") == true, "\(text)")
    }
  }

  @Test func requestsOfTheCommandLine() throws {
    #expect(try RequestTask(method: nil, urlPath: "/", body: nil).method == "GET")
    #expect(try RequestTask(method: nil, urlPath: "/", body: "x").method == "POST")
    #expect(try RequestTask(method: "PURGE", urlPath: "/${counter}", body: nil).path == "/${counter}")
    for method in ["GE T", "get", "", "GET\r\nX: y", "CONNECT", "GÄT"] {
      #expect(throws: LoadError.self, "\(method)") { try RequestTask(method: method, urlPath: "/", body: nil) }
    }
    #expect(throws: LoadError.self) { try RequestTask(method: nil, urlPath: "/${no}", body: nil) }
    #expect(throws: LoadError.self) { try RequestTask(method: nil, urlPath: "/", body: "${no}") }
    #expect(try RequestTask.Header("A:  b: c") == RequestTask.Header(name: "A", value: "b: c"))
    for header in ["foo", ":", ": x", "a b: c", "A: b\r\nC: d", "A: \u{7F}", ""] {
      #expect(throws: LoadError.self, "\(header)") { try RequestTask.Header(header) }
    }
    #expect(try RequestTask.Header("X-Price: $5 {user}").value == "$5 {user}")
    let error = #expect(throws: LoadError.self) { try RequestTask.Header("X-User: ${user}") }
    #expect(
      error?.description
        == "-H 'X-User: ${user}': '${user}' would be sent as it is: only paths and bodies have variables")
  }

  @Test func requestsAreWhatTheStandardSays() throws {
    let target = try Target.parse("http://h:8000").target
    var task = RequestTask(
      method: "POST", path: "/p", headers: [.init(name: "Host", value: "other"), .init(name: "X-A", value: "b")],
      body: "ä")
    var prepared = PreparedTask(task, target: target, keepsAlive: false)
    #expect(
      prepared.fixed.map { String(decoding: $0, as: UTF8.self) }
        == "POST /p HTTP/1.1\r\nHost: other\r\nX-A: b\r\nUser-Agent: svs-bench\r\nAccept: */*\r\nConnection: close\r\n"
        + "Content-Length: 2\r\n\r\nä")
    task = RequestTask(path: "/${counter}")
    prepared = PreparedTask(task, target: target, keepsAlive: true)
    #expect(prepared.fixed == nil)
    var bytes: [UInt8] = []
    var random = SeededGenerator(seed: 1)
    prepared.write(to: &bytes, .init(user: [], counter: 3, microseconds: 0), random: &random)
    #expect(
      String(decoding: bytes, as: UTF8.self)
        == "GET /3 HTTP/1.1\r\nHost: h:8000\r\nUser-Agent: svs-bench\r\nAccept: */*\r\n\r\n")
  }

  @Test func splitsAddUpAndAreFair() {
    var random = SeededGenerator(seed: 4)
    for _ in 0..<500 {
      let weights = (0..<Int.random(in: 1...6, using: &random)).map { _ in Int.random(in: 1...1000, using: &random) }
      let users = Int.random(in: 0...10_000, using: &random)
      let counts = LoadRun.split(users, by: weights)
      #expect(counts.reduce(0, +) == users)
      for (count, weight) in zip(counts, weights) {
        #expect(abs(Double(count) - Double(users * weight) / Double(weights.reduce(0, +))) < 1)
      }
    }
  }

  @Test func choicesFollowWeights() {
    let chooser = Chooser(
      UserClass(name: "", tasks: [1, 999].map { RequestTask(path: "/", weight: $0) }, wait: 1...3), firstTask: 5)
    var random = SeededGenerator(seed: 9)
    var counts = [0, 0]
    for _ in 0..<200_000 { counts[chooser.pick(random.next()) - 5] += 1 }
    #expect((120...290).contains(counts[0]))
    for _ in 0..<1000 { #expect((1_000_000_000...3_000_000_000).contains(chooser.pause(random.next()))) }
  }

  @Test func alarmsComeInTheirOrder() {
    var random = SeededGenerator(seed: 3)
    var alarms = Alarms()
    let times = (0..<1000).map { _ in random.next() % 10_000 }
    for (slot, time) in times.enumerated() { alarms.set(.init(time: time, slot: slot, round: 0)) }
    #expect(alarms.earliest == times.min())
    var came: [UInt64] = []
    while let alarm = alarms.due(at: 5_000) { came.append(alarm.time) }
    #expect(came == times.filter { $0 <= 5_000 }.sorted())
    #expect(alarms.earliest == times.filter { $0 > 5_000 }.min())
  }

  @Test func pacersShareTheRate() {
    var pacers = (0..<3).map { Pacer(rate: 1000, share: $0, of: 3, start: 1_000_000) }
    var moments: [UInt64] = []
    for index in 0..<30 { moments.append(pacers[index % 3].take() ?? 0) }
    #expect(moments == (0..<30).map { 1_000_000 + $0 * 1_000_000 })
    #expect(pacers[0].overdue(at: 1_000_000) == 0)
    // Its moments are 30, 33, … ms after the start: three of them have passed after 36.
    #expect(pacers[0].overdue(at: 1_000_000 + 36_000_000) == 3)
  }

  /// What falls on the end itself is of no plan.
  @Test(arguments: [
    (10.0, 1.0, 10), (1.1, 10, 11), (3, 1, 3), (0.5, 1, 1), (7, 0.3, 3), (20_000, 0.1, 2_000), (0.1, 30, 3), (5, 0, 0),
  ])
  func pacersEnd(rate: Double, seconds: Double, planned: Int) {
    for loops in 1...3 {
      var moments: [UInt64] = []
      for index in 0..<loops {
        var pacer = Pacer(
          rate: rate, share: index, of: loops, start: 1_000_000, end: 1_000_000 + UInt64(seconds * 1e9))
        let overdue = pacer.overdue(at: .max / 2)
        while let moment = pacer.take() { moments.append(moment) }
        #expect(overdue == pacer.started && pacer.overdue(at: .max / 2) == 0)
      }
      #expect(moments.count == planned && moments.allSatisfy { Double($0) < 1e6 + seconds * 1e9 }, "\(loops)")
    }
  }
}
