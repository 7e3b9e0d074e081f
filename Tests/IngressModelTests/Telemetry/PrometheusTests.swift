@testable import IngressModel
import Testing

@Suite("Metrics as Prometheus reads them")
struct PrometheusTests {
  @Test("The whole text is of the format, and says what was counted")
  func wholeText() throws {
    let status = try SampleStatus.make()
    let families = try PrometheusReader.read(status.prometheus())
    #expect(families.count == 30)
    for family in families {
      #expect(family.name.hasPrefix("svs_ingress_"))
      #expect(family.name.hasSuffix("_total") == (family.type == "counter"))
      #expect(!family.samples.isEmpty)
    }
    let requests = try #require(families.first { $0.name == "svs_ingress_server_requests_total" })
    let labels = ["service": "shop@file", "server": "http://10.0.0.1:80"]
    #expect(requests.value(labels.merging(["code": "2xx"]) { $1 }) == 20)
    #expect(requests.value(labels.merging(["code": "none"]) { $1 }) == 1)
    let up = try #require(families.first { $0.name == "svs_ingress_server_up" })
    #expect(up.value(labels) == 1)
    #expect(up.value(["service": "shop@file", "server": "http://10.0.0.2:80"]) == 0)
    let durations = try #require(families.first { $0.name == "svs_ingress_server_request_duration_seconds" })
    #expect(durations.value(labels.merging(["le": "0.0025"]) { $1 }, suffix: "_bucket") == 2)
    #expect(durations.value(labels.merging(["le": "+Inf"]) { $1 }, suffix: "_bucket") == 40)
    #expect(durations.value(labels, suffix: "_count") == 40)
    #expect(durations.value(labels, suffix: "_sum") == 0.738)
    let refused = try #require(families.first { $0.name == "svs_ingress_entrypoint_refused_total" })
    #expect(refused.value(["entrypoint": "web", "reason": "no-route"]) == 1)
    // A hostile name is one label, and comes back as it was.
    let services = try #require(families.first { $0.name == "svs_ingress_service_retries_total" })
    #expect(services.value(["service": SampleStatus.hostile]) == 1)
  }

  @Test("Two writings of one status are the same") func deterministic() throws {
    #expect(try SampleStatus.make().prometheus() == SampleStatus.make().prometheus())
  }

  @Test("Label values of any text come back")
  func labels() throws {
    var random = RepeatableRandom(5)
    let pieces = ["\\", "\"", "\n", "n", "{", "}", ",", "=", " ", "é", "💥", "#", "\u{0}"]
    for _ in 0..<2000 {
      let value = (0..<Int.random(in: 0...10, using: &random)).map { _ in
        pieces[Int.random(in: pieces.indices, using: &random)]
      }.joined()
      var writer = PrometheusWriter()
      writer.family("x_total", .counter, help: value) { $0.add([("a", value), ("b", "c")], UInt64(3)) }
      let families = try PrometheusReader.read(writer.bytes)
      #expect(families.first?.value(["a": value, "b": "c"]) == 3)
      #expect(families.first?.help == value)
    }
  }

  @Test(
    "The reader is strict",
    arguments: [
      "x_total 1\n", "# TYPE x_total counter\nx_total 1\n", "# HELP x_total h\n# TYPE x_total counter\nx_total 1",
      "# HELP x_total h\n# TYPE x_total counter\nx_total{a=\"b} 1\n",
      "# HELP x_total h\n# TYPE x_total counter\nx_total 1\nx_total 2\n",
      "# HELP x_total h\n# TYPE x_total counter\ny_total 1\n", "# HELP x h\n# TYPE x counter\nx{a=\"\\t\"} 1\n",
      "# HELP x h\n# TYPE x histogram\nx_bucket{le=\"1\"} 2\nx_bucket{le=\"+Inf\"} 1\nx_sum 1\nx_count 1\n",
      "# HELP x h\n# TYPE x histogram\nx_bucket{le=\"+Inf\"} 1\nx_sum 1\nx_count 2\n",
    ])
  func strictness(text: String) {
    #expect(throws: PrometheusReader.Problem.self) { try PrometheusReader.read(Array(text.utf8)) }
  }
}
