import Measurement

/// The report as Markdown, to be committed beside its page and its document.
public struct ReportMarkdown: Sendable {
  /// The page beside it, for a link; nil where there is none.
  public var pageName: String?
  /// The JSON document beside it, for a link; nil where there is none.
  public var documentName: String?
  public var showsRows: Bool

  public init(pageName: String? = nil, documentName: String? = nil, showsRows: Bool = false) {
    self.pageName = pageName
    self.documentName = documentName
    self.showsRows = showsRows
  }

  /// With a newline at its end.
  public func text(_ report: NetworkReport) -> String {
    let content = ReportContent(report)
    var blocks = ["# " + Self.escaped(content.title), list(content.circumstances)]
    let links =
      [pageName.map { "[with plots](\(Self.link($0)))" }, documentName.map { "[as JSON](\(Self.link($0)))" }].compactMap
    { $0 }
    if !links.isEmpty { blocks.append("The same report: " + links.joined(separator: ", ") + ".") }
    blocks += content.warnings.map { "> **Note:** " + Self.escaped($0) }
    blocks += ["## Conclusions", conclusions(content.conclusions)]
    for section in content.sections { blocks += self.blocks(section) }
    return blocks.filter { !$0.isEmpty }.joined(separator: "\n\n") + "\n"
  }

  private func conclusions(_ conclusions: [Conclusion]) -> String {
    guard !conclusions.isEmpty else { return "Nothing follows from these figures." }
    return conclusions.map { conclusion in
      let standing =
        switch conclusion.standing {
        case .certain: ""
        case .withinNoise: "*(within noise)* "
        case .undecided: "*(undecided)* "
        case .single: "*(one run)* "
        }
      let evidence = conclusion.evidence.map(ReportText.text).joined(separator: "; ")
      return "- " + standing + Self.escaped(Legible.line(conclusion.text, limit: 2000))
        + (evidence.isEmpty ? "" : "<br>\n  <sub>\(Self.escaped(evidence))</sub>")
    }.joined(separator: "\n")
  }

  private func blocks(_ section: ReportSection) -> [String] {
    var blocks = ["## " + Self.escaped(section.title)]
    if !section.tables.isEmpty { blocks += section.lead.map(Self.escaped) }
    if !section.missing.isEmpty { blocks.append(list(section.missing)) }
    for table in section.tables where table.prominence != .rows || showsRows {
      if !table.title.isEmpty { blocks.append("### " + Self.escaped(table.title)) }
      if !table.rows.isEmpty { blocks.append(Self.table(table)) }
      blocks += table.notes.map(Self.escaped)
    }
    return blocks
  }

  private func list(_ texts: [String]) -> String { texts.map { "- " + Self.escaped($0) }.joined(separator: "\n") }

  private static func table(_ table: ReportTable) -> String {
    func line(_ cells: [String]) -> String { "| " + cells.joined(separator: " | ") + " |" }
    var lines = [
      line(table.columns.map { escaped($0.title) }), line(table.columns.map { $0.isNumber ? "---:" : "---" }),
    ]
    for row in table.rows {
      lines.append(
        line(
          row.map { cell in
            let text = escaped(Legible.cut(cell.text, to: 300))
            return cell.tone == .bad || cell.tone == .good ? (text.isEmpty ? "" : "**\(text)**") : text
          }))
    }
    return lines.joined(separator: "\n")
  }

  /// Text that no reader of Markdown takes for markup, in a line or in a table's cell.
  static func escaped(_ text: String) -> String {
    var result = ""
    let special = Set("\\`*{}[]<>#|~!@$^")
    var before: Character?
    for (index, character) in text.enumerated() {
      switch character {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      // Inside a word it is no markup.
      case "_":
        let after = text.dropFirst(index + 1).first
        result +=
          before.map { $0.isLetter || $0.isNumber } == true && after.map { $0.isLetter || $0.isNumber } == true
          ? "_" : "\\_"
      // Only at a line's beginning do these begin a list.
      case "-", "+": result += index == 0 && text.count > 1 ? "\\\(character)" : String(character)
      // An address would become a link by itself.
      case ":": result += text.dropFirst(index).hasPrefix("://") ? "&#58;" : ":"
      case _ where special.contains(character): result += "\\\(character)"
      default: result.append(character)
      }
      before = character
    }
    return beginsAsNumberedList(text) ? result.replacingFirstDot() : result
  }

  /// `1. ` at a line's beginning begins a list.
  private static func beginsAsNumberedList(_ text: String) -> Bool {
    let rest = text.drop { $0.isNumber }
    return rest.count < text.count && (rest.hasPrefix(". ") || rest.hasPrefix(") "))
  }

  /// A name of a file as a link's goal.
  static func link(_ name: String) -> String {
    name.utf8.map { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"),
        UInt8(ascii: "/"):
        String(UnicodeScalar(byte))
      default: "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
      }
    }.joined()
  }
}

extension String {
  fileprivate func replacingFirstDot() -> String {
    guard let index = firstIndex(where: { $0 == "." || $0 == ")" }) else { return self }
    return self[..<index] + "\\" + self[index...]
  }
}
