import Foundation
import Measurement
import NetworkReport
import Testing

@Suite("The report as a document")
struct ReportJSONTests {
  @Test("What is written is read again as the same report")
  func roundTrip() throws {
    let report = SampleReport.full()
    let text = try ReportJSON.text(
      ReportJSON.document(report, clock: RunClock(), arguments: ["svs", "bench", "report"]))
    #expect(try ReportJSON.report(of: text) == report)
  }

  @Test("It says what it is, and its members are sorted")
  func envelope() throws {
    var document = ReportJSON.document(SampleReport.small, clock: RunClock(), arguments: ["svs", "bench", "report"])
    document.elapsedSeconds = 1
    let text = try ReportJSON.text(document)
    #expect(text == (try ReportJSON.text(document)))
    let object = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    let schema = try #require(object["schema"] as? [String: Any])
    #expect(schema["name"] as? String == "svs.bench.report")
    #expect(schema["version"] as? Int == 1)
    #expect(object["partial"] as? Bool == true)
    let members = text.split(separator: "\n").filter { $0.hasPrefix("  \"") }.compactMap {
      $0.split(separator: "\"").dropFirst().first.map(String.init)
    }
    #expect(members == members.sorted())
    #expect(members.contains("result") && members.contains("series"))
  }

  @Test("Two documents can be compared by their rounds")
  func series() throws {
    let document = ReportJSON.document(SampleReport.full(), clock: RunClock(), arguments: [])
    let names = Set(document.series.map(\.name))
    #expect(names.contains("throughput") && names.contains("latency, median of a round"))
    let vxlan = try #require(
      document.series.first {
        $0.name == "throughput" && $0.subject == "pod to pod on another node, vxlan, client sends"
      })
    #expect(vxlan.samples.count == 5 && vxlan.unit == "bit/s" && vxlan.better == .higher)
    #expect(vxlan.samples.allSatisfy { (6e9...8e9).contains($0) })
  }

  @Test(
    "What is no report is refused with a sentence",
    arguments: [
      ("", "it is not JSON"), ("{", "it is not JSON"), ("{}", "'schema' is missing"),
      (#"{"schema": {"name": "svs.bench.load", "version": 1}}"#, "The document is 'svs.bench.load' version 1"),
      (#"{"schema": {"name": "svs.bench.report", "version": 2}}"#, "version 2; shown can be"),
      (#"{"schema": {"name": "svs.bench.report", "version": 1}, "result": {}}"#, "'result.cluster' is missing"),
      (#"{"schema": {"name": "svs.bench.report", "version": 1}, "result": 1}"#, "'result' has another form"),
    ])
  func refused(_ text: String, _ reason: String) {
    let error = #expect(throws: ReportDocumentError.self) { try ReportJSON.report(of: text) }
    #expect(error?.description.contains(reason) == true, "\(error?.description ?? "")")
  }

  @Test("A document that was cut off anywhere is refused")
  func cutOff() throws {
    let text = try ReportJSON.text(ReportJSON.document(SampleReport.small, clock: RunClock(), arguments: []))
    for count in stride(from: 0, to: text.utf8.count - 2, by: 97) {
      #expect(throws: ReportDocumentError.self) { try ReportJSON.report(of: String(text.prefix(count))) }
    }
  }
}
