import Testing

@testable import LatencyProbe

@Suite("The headline of a path's probes")
struct HeadingTests {
  @Test(
    "Statuses stand there where one is of failure, with how often each came",
    arguments: [
      ([200, 301, 200], "HTTP/1.1\n"), ([503, 503], "HTTP/1.1, status 503\n"),
      ([200, 503, 200, 200, 404, 503], "HTTP/1.1, 3 × status 200, 2 × status 503, 1 × status 404\n"),
    ])
  func statuses(_ statuses: [Int], _ expected: String) throws {
    let target = try ProbeTarget("http://192.0.2.1/")
    var path = LatencyResult.Path(url: target.url)
    path.probes = statuses.map {
      var probe = Probe()
      probe.status = $0
      probe.httpVersion = "1.1"
      return probe
    }
    let all = "\(statuses.count) of \(statuses.count) probes answered, "
    #expect(LatencyText(target).summary(path) == "http://192.0.2.1/: \(all)\(expected)\n")
  }
}
