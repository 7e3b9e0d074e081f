import Testing

@testable import LoadGenerator

extension OneAtATime {
  /// The real server, in all protocols. Each test has an nginx of its own.
  @Suite struct NginxTests {
    @Test(arguments: ["http/1.1", "https/1.1", "https/2", "http/2"])
    func everyProtocolCounts(_ name: String) async throws {
      let nginx = try Nginx()
      let port = name == "http/2" ? nginx.multiplexed : name.hasPrefix("https") ? nginx.secure : nginx.plain
      let plan = try LoadTests.plan("\(name.hasPrefix("https") ? "https" : "http")://127.0.0.1:\(port)/") {
        $0.verifiesCertificate = false
        $0.version = name.hasSuffix("2") ? .http2 : .http1
        $0.classes[0].tasks.append(RequestTask(path: "/missing"))
        $0.classes[0].tasks.append(RequestTask(method: "POST", path: "/", name: "post", body: "user=${user}"))
        $0.classes[0].tasks.append(RequestTask(method: "HEAD", path: "/", name: "head", expected: [200]))
      }
      let sample = try await LoadTests.load(plan, users: 4, until: 1_000)
      let total = sample.total
      // nginx writes its log after it has answered.
      var served = 0
      for _ in 0..<250 where served != Int(total.requests) {
        if served > 0 { try await Task.sleep(for: .milliseconds(20)) }
        served = try nginx.served()
      }
      #expect(served == Int(total.requests))
      #expect(total.failures == sample.records[1].requests && total.errors.keys.allSatisfy { $0 == .status(404) })
      for index in [0, 2] { #expect(sample.records[index].contentBytes == 6 * sample.records[index].requests) }
      #expect(sample.records[3].contentBytes == 0 && !sample.records[3].isEmpty)
    }

    @Test func certificatesAreVerified() async throws {
      let nginx = try Nginx()
      let total = try await LoadTests.load(
        try LoadTests.plan("https://localhost:\(nginx.secure)/") { $0.family = .v4 }, users: 1, until: 3
      ).total
      #expect(total.failures == total.requests)
      for error in total.errors.keys { #expect("\(error)".contains("certificate")) }
    }

    @Test func plainHTTPOnATLSPortAndTheReverse() async throws {
      let nginx = try Nginx()
      let plain = try await LoadTests.load(try LoadTests.plan("http://127.0.0.1:\(nginx.secure)/"), users: 1, until: 3)
      #expect(plain.total.errors == [.status(400): plain.total.requests])
      let secure = try await LoadTests.load(
        try LoadTests.plan("https://127.0.0.1:\(nginx.plain)/") { $0.verifiesCertificate = false }, users: 1, until: 3)
      #expect(secure.total.failures == secure.total.requests)
      for error in secure.total.errors.keys { #expect("\(error)".hasPrefix("TLS: ")) }
      let old = try await LoadTests.load(
        try LoadTests.plan("http://127.0.0.1:\(nginx.plain)/") { $0.version = .http2 }, users: 1, until: 3)
      #expect(old.total.failures == old.total.requests)
    }
  }
}
