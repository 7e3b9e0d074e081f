import Foundation
import Measurement
import NetworkReport
import Testing

@Suite("The report as a page")
struct ReportPageTests {
  /// Each page that is looked at by scripts/report_page.py, which names the folder.
  static let pages: [(name: String, report: NetworkReport)] = {
    var quick = SampleReport.full(rounds: 2, seconds: 3)
    quick.plan.isQuick = true
    quick.plan.rounds = 2
    let hostile = (1...4).map { seed in
      var maker = HostileReport(seed: UInt64(seed))
      return ("hostile-\(seed)", maker.report())
    }
    return [
      ("full", SampleReport.full()), ("quick", quick), ("partial", SampleReport.partial), ("small", SampleReport.small),
      ("empty", SampleReport.empty),
    ] + hostile
  }()

  @Test("Pages are written for the script that looks at them")
  func written() throws {
    let asked = ProcessInfo.processInfo.environment["SVS_REPORT_PAGES"]
    let folder = asked ?? NSTemporaryDirectory() + "report-pages-\(getpid())"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { if asked == nil { try? FileManager.default.removeItem(atPath: folder) } }
    for page in Self.pages {
      let path = "\(folder)/\(page.name).html"
      try ReportPage(documentName: "report.json").html(page.report).write(
        toFile: path, atomically: true, encoding: .utf8)
      try ReportText().text(page.report).write(toFile: "\(folder)/\(page.name).txt", atomically: true, encoding: .utf8)
      try ReportMarkdown(pageName: page.name + ".html").text(page.report)
        .write(toFile: "\(folder)/\(page.name).md", atomically: true, encoding: .utf8)
      let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int
      #expect((size ?? 0) > 10_000)
    }
  }

  @Test("It is well formed and asks for nothing from elsewhere", arguments: pages.map(\.name))
  func wellFormed(_ name: String) throws {
    let report = try #require(Self.pages.first { $0.name == name }?.report)
    let html = ReportPage(documentName: "report.json").html(report)
    let checker = HTMLChecker(html)
    #expect(checker.problems == [])
    for element in checker.elements {
      #expect(!["img", "iframe", "object", "embed", "base", "form", "foreignObject", "use"].contains(element.name))
      for (name, value) in element.attributes {
        #expect(!name.hasPrefix("on"))
        if ["src", "href", "xlink:href"].contains(name) {
          #expect(value.hasPrefix("#") || value == "data:," || value == "./report.json")
        }
        #expect(!value.contains("nan") || name != "x" && name != "y" && name != "d" && name != "width")
      }
    }
    #expect(checker.elements.filter { $0.name == "script" }.count == 1)
    #expect(!ReportPage.sourceTexts.contains { $0.contains("http") || $0.contains("@import") || $0.contains("fetch(") })
  }

  @Test("Whoever does not see a plot is told what it shows")
  func accessible() {
    let checker = HTMLChecker(ReportPage().html(SampleReport.full()))
    let images = checker.elements.filter { $0.attributes["role"] == "img" }
    #expect(images.count > 40)
    #expect(images.allSatisfy { ($0.attributes["aria-label"] ?? "").count > 10 })
    #expect(checker.elements.filter { $0.name == "th" }.allSatisfy { $0.attributes["scope"] == "col" })
    let identities = checker.elements.compactMap { $0.attributes["id"] }
    #expect(Set(identities).count == identities.count)
    let goals = checker.elements.compactMap { $0.attributes["href"] }.filter { $0.hasPrefix("#") }
    #expect(goals.allSatisfy { identities.contains(String($0.dropFirst())) })
  }

  @Test("Texts from elsewhere stay texts")
  func escaped() {
    var report = SampleReport.small
    report.cluster.name = "<script>alert(1)</script>"
    report.conclusions[0].text = "\"><img src=x onerror='alert(1)'>\u{202e}\u{0}&amp;"
    report.environment.warnings = [String(repeating: "long", count: 5000)]
    let html = ReportPage(documentName: "\"><b>.json").html(report)
    #expect(HTMLChecker(html).problems == [])
    #expect(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"))
    #expect(html.contains("&quot;&gt;&lt;img src=x onerror=&#39;alert(1)&#39;&gt;\u{fffd}\u{fffd}&amp;amp;"))
    #expect(html.contains("./%22%3E%3Cb%3E.json"))
    #expect(!html.contains(String(repeating: "long", count: 300)))
  }

  @Test("What is missing is said")
  func partial() {
    let html = ReportPage().html(SampleReport.partial)
    #expect(html.contains("Not measured: this part was not asked for."))
    #expect(html.contains("Not measured: the run was ended before this part."))
    #expect(html.contains("No value for pod to another node, host-gw."))
    #expect(html.contains("The ingress did not answer within 5 s."))
    #expect(html.contains("1 measurement has no value: see Failures."))
    #expect(ReportPage().html(SampleReport.empty).contains("Nothing follows from these figures."))
  }

  @Test("No text and no number can break any of its forms", arguments: 1...60)
  func fuzz(_ seed: Int) throws {
    var maker = HostileReport(seed: UInt64(seed) &* 7919)
    let report = maker.report()
    #expect(HTMLChecker(ReportPage().html(report)).problems == [])
    let text = ReportText(showsRows: true).text(report)
    #expect(!text.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" || (0x7f...0x9f).contains($0.value) })
    #expect(!text.unicodeScalars.contains { (0x202a...0x202e).contains($0.value) })
    #expect(ReportMarkdownTests.problems(ReportMarkdown(showsRows: true).text(report)) == [])
    let document = try ReportJSON.text(ReportJSON.document(report, clock: .init(), arguments: []))
    let again = try ReportJSON.report(of: document)
    #expect(ReportText().text(again) == ReportText().text(report))
  }
}

extension SampleReport {
  /// Ended early, with parts that were not asked for, that failed, and that have only some of their values.
  static let partial: NetworkReport = {
    var partial = full(rounds: 3)
    partial.latency = nil
    partial.load = nil
    partial.plan.parts = [.load, .throughput, .services]
    partial.wasInterrupted = true
    partial.throughput?.paths.removeLast()
    partial.throughput?.paths[1].directions.removeLast()
    partial.throughput?.paths[2].directions[0].gigabitsPerSecond = Estimate(median: .nan)
    partial.services?.scaling = []
    partial.failures = [
      MeasurementFailure(measurement: "load, outside, by ingress", reason: "The ingress did not answer within 5 s.")
    ]
    return partial
  }()

  /// Of a run that was ended at once.
  static let empty = NetworkReport(
    cluster: cluster, environment: environment,
    plan: PlanSummary(
      isQuick: true, parts: ReportPart.allCases, rounds: 3, secondsPerThroughputRun: 2, allottedSeconds: 90),
    latency: LatencyPart(paths: []), load: LoadPart(runs: []), throughput: ThroughputPart(paths: []),
    services: ServiceCostPart(backend: "host-gw", variants: []), wasInterrupted: true)
}
