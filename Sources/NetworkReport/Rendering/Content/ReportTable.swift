/// A table of the report before anybody has decided how it looks: a terminal, Markdown and the page show the same ones.
struct ReportTable: Sendable {
  enum Prominence: Sendable {
    /// Shown everywhere.
    case main
    /// Folded on the page.
    case detail
    /// Two things against each other: folded on the page, where a plot shows it.
    case comparison
    /// Every row of every run: folded on the page, elsewhere on request.
    case rows
  }

  /// What a cell tells beside its text.
  enum Tone: String, Sendable { case plain, good, bad, unsure }

  struct Column: Sendable {
    var title: String
    var isNumber: Bool

    static func text(_ title: String) -> Column { Column(title: title, isNumber: false) }
    static func number(_ title: String) -> Column { Column(title: title, isNumber: true) }
  }

  struct Cell: Sendable, ExpressibleByStringLiteral, ExpressibleByStringInterpolation {
    var text: String
    var tone: Tone

    init(_ text: String, _ tone: Tone = .plain) {
      self.text = text
      self.tone = tone
    }

    init(stringLiteral value: String) { self.init(value) }
  }

  var title: String
  var prominence: Prominence
  var columns: [Column]
  var rows: [[Cell]] = []
  /// Sentences below it.
  var notes: [String] = []

  init(_ title: String, _ columns: [Column]) { self.init(title, .main, columns) }

  init(_ title: String, _ prominence: Prominence, _ columns: [Column]) {
    self.title = title
    self.prominence = prominence
    self.columns = columns
  }

  mutating func add(_ cells: [Cell]) {
    precondition(cells.count == columns.count, "a row has as many cells as the table has columns")
    rows.append(cells)
  }
}

/// One chapter of the report.
struct ReportSection: Sendable {
  /// For links to it.
  var id: String
  var title: String
  /// What its figures are, in sentences.
  var lead: [String] = []
  var tables: [ReportTable] = []
  /// Why there are no figures, or not all.
  var missing: [String] = []
}
