import Measurement

/// The report for a terminal: its figures, what follows from them, and then every request and comparison by itself.
public struct ReportText: Sendable {
  /// Whether headings and marks have colours, as on a terminal.
  public var isColoured: Bool
  /// Whether what the figures are made of is shown too, behind the conclusions.
  public var showsDetail: Bool
  /// Whether every row of every run is shown there.
  public var showsRows: Bool
  /// Columns of the terminal; longer texts are broken, and those in tables cut.
  public var width: Int

  /// Lines that a conclusion's figures may take: the sentence has those that matter, other forms have all.
  private static let evidenceLines = 2

  public init(isColoured: Bool = false, showsDetail: Bool = true, showsRows: Bool = false, width: Int = 100) {
    self.isColoured = isColoured
    self.showsDetail = showsDetail
    self.showsRows = showsRows
    self.width = max(40, width)
  }

  /// With a newline at its end.
  public func text(_ report: NetworkReport) -> String {
    let content = ReportContent(report)
    var text = paint(.heading, content.title) + "\n"
    for phrase in content.circumstances { text += wrapped(phrase, indent: 2) }
    for warning in content.warnings { text += wrapped(warning, indent: 4, first: "  ! ", .warning) }
    for section in content.sections { text += "\n" + self.text(section) }
    return text + "\n" + conclusions(content.conclusions) + detail(content.sections)
  }

  /// What is too long to be read before the conclusions.
  private func detail(_ sections: [ReportSection]) -> String {
    let tables = sections.flatMap(\.tables).filter { table in
      switch table.prominence {
      case .main: false
      case .detail, .comparison: true
      case .rows: showsRows
      }
    }
    guard !tables.isEmpty else { return "" }
    guard showsDetail else { return "\n" + wrapped(Self.elsewhere, indent: 0, .quiet) }
    return "\n" + heading("In detail") + tables.map { "\n" + text($0) }.joined()
  }

  private static let elsewhere =
    "Requests, comparisons, pods and interfaces one by one: --markdown FILE, or --html FILE with plots."

  /// What follows from the figures, alone: for the end of a run whose tables went to files.
  public func conclusions(_ report: NetworkReport) -> String { conclusions(ReportContent(report).conclusions) }

  private func conclusions(_ conclusions: [Conclusion]) -> String {
    var text = heading("Conclusions")
    if conclusions.isEmpty { text += "Nothing follows from these figures.\n" }
    for conclusion in conclusions {
      let (mark, style): (String, Style) =
        switch conclusion.standing {
        case .certain: ("* ", .good)
        case .withinNoise: ("~ ", .warning)
        case .undecided: ("? ", .warning)
        case .single: ("- ", .quiet)
        }
      let lines = wrapped(Legible.line(conclusion.text, limit: 2000), indent: 2, first: "  ").dropFirst(2)
      text += paint(style, mark) + lines
      let evidence = evidence(conclusion)
      if !evidence.isEmpty { text += wrapped(evidence, indent: 4, .quiet) }
    }
    let single = conclusions.contains { $0.standing == .single } ? "   - one run" : ""
    return text + "\n* beyond the noise   ~ within the noise   ? undecided\(single)\n"
  }

  /// As many of a conclusion's figures as have room.
  private func evidence(_ conclusion: Conclusion) -> String {
    var kept = ""
    for (index, figure) in conclusion.evidence.enumerated() {
      let more = conclusion.evidence.count - index - 1
      let longer = kept + (kept.isEmpty ? "" : "; ") + Self.text(figure)
      let lines = Self.lines(longer + (more > 0 ? "; \(more) more" : ""), width: width - 4)
      if lines.count > Self.evidenceLines {
        return kept.isEmpty ? lines.prefix(Self.evidenceLines).joined(separator: " ") : "\(kept); \(more + 1) more"
      }
      kept = longer
    }
    return kept
  }

  static func text(_ evidence: Conclusion.Evidence) -> String {
    Legible.line(evidence.name, limit: 200) + " "
      + Cells.value(evidence.value, interval: evidence.interval, unit: Legible.line(evidence.unit, limit: 20))
  }

  private func text(_ section: ReportSection) -> String {
    var text = heading(section.title)
    for line in section.missing { text += wrapped(line, indent: 2, first: "! ", .warning) }
    if !section.tables.isEmpty { for line in section.lead { text += wrapped(line, indent: 0) } }
    for table in section.tables where table.prominence == .main { text += "\n" + self.text(table) }
    return text
  }

  private func text(_ table: ReportTable) -> String {
    var text = table.title.isEmpty ? "" : wrapped(table.title, indent: 2, first: "", .heading)
    if !table.rows.isEmpty {
      let widths = self.widths(table)
      var lines = TextTable(
        zip(table.columns, widths).map { column, width in
          .init(Legible.cut(column.title, to: width), column.isNumber ? .right : .left)
        }, indent: 2)
      for row in table.rows {
        let cells = zip(row, widths).map { cell, width in
          Array(Self.lines(Legible.line(cell.text, limit: 300), width: width).prefix(6))
        }
        for index in 0..<(cells.map(\.count).max() ?? 0) {
          lines.add(cells.map { $0.indices.contains(index) ? $0[index] : "" })
        }
      }
      text += lines.text
    }
    for note in table.notes { text += wrapped(note, indent: 2, .quiet) }
    return text
  }

  /// As wide as the cells need, the widest texts cut down where that is more than the terminal has.
  private func widths(_ table: ReportTable) -> [Int] {
    var widths = table.columns.map(\.title.count)
    for row in table.rows {
      for (index, cell) in row.enumerated() { widths[index] = max(widths[index], cell.text.count) }
    }
    let room = width - 2 - 2 * (widths.count - 1)
    while widths.reduce(0, +) > room {
      let texts = widths.indices.filter { !table.columns[$0].isNumber && widths[$0] > 8 }
      guard let widest = texts.max(by: { widths[$0] < widths[$1] }) else { break }
      let next = texts.filter { $0 != widest }.map { widths[$0] }.max() ?? 8
      let excess = widths.reduce(0, +) - room
      widths[widest] = max(8, widths[widest] - max(1, min(excess, widths[widest] - next)))
    }
    return widths
  }

  // MARK: Lines

  private enum Style: String { case heading = "1", good = "32", warning = "33", quiet = "2" }

  private func paint(_ style: Style, _ text: String) -> String {
    isColoured ? "\u{1b}[\(style.rawValue)m\(text)\u{1b}[0m" : text
  }

  private func heading(_ title: String) -> String {
    paint(.heading, title) + "\n" + String(repeating: "=", count: title.count) + "\n"
  }

  /// Broken at blanks, and where a word is longer than a line, inside it.
  private func wrapped(_ text: String, indent: Int, first: String? = nil, _ style: Style? = nil) -> String {
    let blanks = String(repeating: " ", count: indent)
    return Self.lines(text, width: width - indent).enumerated().map { index, line in
      (index == 0 ? first ?? blanks : blanks) + (style.map { paint($0, line) } ?? line) + "\n"
    }.joined()
  }

  private static func lines(_ text: String, width: Int) -> [String] {
    var lines: [String] = []
    var line = ""
    for word in text.split(separator: " ") {
      var word = word[...]
      if !line.isEmpty, line.count + 1 + word.count > width {
        lines.append(line)
        line = ""
      }
      while word.count > width {
        lines.append(String(word.prefix(width)))
        word = word.dropFirst(width)
      }
      line += (line.isEmpty ? "" : " ") + word
    }
    return line.isEmpty && !lines.isEmpty ? lines : lines + [line]
  }
}
