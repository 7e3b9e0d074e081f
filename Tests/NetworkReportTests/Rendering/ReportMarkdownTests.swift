import Foundation
import NetworkReport
import Testing

@Suite("The report as Markdown")
struct ReportMarkdownTests {
  /// Lines that a reader of Markdown would take for something else.
  static func problems(_ text: String) -> [String] {
    var problems: [String] = []
    var columns: Int?
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("|") {
        let count = cells(line)
        if let columns, columns != count { problems.append("\(count) cells where \(columns) are: \(line)") }
        columns = columns ?? count
      } else {
        columns = nil
      }
      var rest = line.replacingOccurrences(of: "<br>", with: "").replacingOccurrences(of: "<sub>", with: "")
      rest = rest.replacingOccurrences(of: "</sub>", with: "")
      if rest.contains("<") { problems.append("markup: \(line)") }
      if rest.contains("http://") { problems.append("an address that becomes a link: \(line)") }
    }
    return problems
  }

  private static func cells(_ line: Substring) -> Int {
    var bars = 0
    var isEscaped = false
    for character in line.unicodeScalars {
      if character == "|", !isEscaped { bars += 1 }
      isEscaped = character == "\\" && !isEscaped
    }
    return bars - 1
  }

  @Test("Its tables have as many cells in each row", arguments: ReportPageTests.pages.map(\.name))
  func tables(_ name: String) throws {
    let report = try #require(ReportPageTests.pages.first { $0.name == name }?.report)
    #expect(Self.problems(ReportMarkdown(showsRows: true).text(report)) == [])
  }

  @Test("It links to the page and the document beside it")
  func links() {
    let text = ReportMarkdown(pageName: "index.html", documentName: "re port).json").text(SampleReport.small)
    #expect(text.contains("The same report: [with plots](index.html), [as JSON](re%20port%29.json)."))
    #expect(!ReportMarkdown().text(SampleReport.small).contains("]("))
  }

  @Test("Texts from elsewhere stay texts")
  func escaped() {
    var report = SampleReport.small
    report.failures = [MeasurementFailure(measurement: "a|b *c* [d](e)", reason: "<img> `f` http://g/ _h_")]
    report.environment.warnings = ["1. no list", "- none either", "# no heading"]
    let text = ReportMarkdown().text(report)
    #expect(text.contains("| a\\|b \\*c\\* \\[d\\](e) | - | **&lt;img&gt; \\`f\\` http&#58;//g/ \\_h\\_** |"))
    #expect(text.contains("> **Note:** 1\\. no list"))
    #expect(text.contains("> **Note:** \\- none either"))
    #expect(text.contains("> **Note:** \\# no heading"))
  }

  @Test("Conclusions come first, then each chapter")
  func order() throws {
    let headings = ReportMarkdown().text(SampleReport.full()).split(separator: "\n").filter { $0.hasPrefix("## ") }
    #expect(
      headings == [
        "## Conclusions", "## Latency by access path", "## Load", "## Throughput by path and overlay backend",
        "## What a ClusterIP costs", "## Machine, cluster and run",
      ])
  }
}
