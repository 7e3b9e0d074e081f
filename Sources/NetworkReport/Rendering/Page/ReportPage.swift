/// The report as one HTML page with plots that needs nothing from elsewhere: to be opened, mailed, printed.
public struct ReportPage: Sendable {
  /// The JSON document beside it, for a link; nil where there is none.
  public var documentName: String?

  public init(documentName: String? = nil) { self.documentName = documentName }

  public func html(_ report: NetworkReport) -> String {
    let content = ReportContent(report)
    let plots = [
      "latency": LatencyPlots(report).figures, "load": LoadPlots(report).figures,
      "throughput": ThroughputPlots(report).figures, "services": ServicePlots(report).figures,
    ]
    let page = Markup.element(
      "html", ["lang": "en"],
      [
        head(content.title),
        .element(
          "body", [:],
          [
            Self.patterns, header(content),
            .element(
              "main", [:],
              [conclusions(content.conclusions)]
                + content.sections.map { section($0, plots[$0.id] ?? []) }),
            footer(report), .element("script", [:], [.source(Self.script)]),
          ]),
      ])
    return "<!DOCTYPE html>\n" + page.text + "\n"
  }

  // MARK: Parts

  private func head(_ title: String) -> Markup {
    let policy =
      "default-src 'none'; style-src 'unsafe-inline'; script-src '\(Self.scriptSource)'; img-src data:; "
      + "base-uri 'none'; form-action 'none'"
    return .element(
      "head", [:],
      [
        .element("meta", ["charset": "utf-8"]),
        .element("meta", ["name": "viewport", "content": "width=device-width, initial-scale=1"]),
        .element("meta", ["name": "color-scheme", "content": "light dark"]),
        .element("meta", ["http-equiv": "Content-Security-Policy", "content": policy]),
        .element("title", [:], title), .element("link", ["rel": "icon", "href": "data:,"]),
        .element("style", [:], [.source(Self.style)]),
      ])
  }

  private func header(_ content: ReportContent) -> Markup {
    let links = [("conclusions", "Conclusions")] + content.sections.map { ($0.id, $0.title) }
    return .element(
      "header", [:],
      [
        .element("h1", ["dir": "auto"], content.title),
        .element(
          "ul", ["class": "circumstances"], content.circumstances.map { .element("li", ["dir": "auto"], $0) }),
      ] + content.warnings.map { .element("p", ["class": "banner", "dir": "auto"], $0) } + [
        .element(
          "nav", ["aria-label": "Chapters"], links.map { .element("a", ["href": "#\($0.0)"], $0.1) })
      ])
  }

  private func conclusions(_ conclusions: [Conclusion]) -> Markup {
    .element(
      "section", ["id": "conclusions", "aria-labelledby": "h-conclusions"],
      [
        .element("h2", ["id": "h-conclusions"], "Conclusions"),
        conclusions.isEmpty
          ? .element("p", ["class": "lead"], "Nothing follows from these figures.")
          : .element("ul", ["class": "conclusions"], conclusions.map(card)),
      ])
  }

  private func card(_ conclusion: Conclusion) -> Markup {
    let standing =
      switch conclusion.standing {
      case .certain: ""
      case .withinNoise: " · within noise"
      case .undecided: " · undecided"
      case .single: " · one run"
      }
    var children: [Markup] = [
      .element("p", ["class": "rule"], conclusion.rule.rawValue + standing),
      .element("p", ["class": "text", "dir": "auto"], Legible.line(conclusion.text, limit: 2000)),
    ]
    if !conclusion.evidence.isEmpty {
      children.append(
        .element(
          "ul", ["class": "evidence"],
          conclusion.evidence.map { item in
            .element(
              "li", [:],
              [
                .element("span", ["dir": "auto"], Legible.line(item.name, limit: 200)),
                .element(
                  "b", [:],
                  Cells.value(item.value, interval: item.interval, unit: Legible.line(item.unit, limit: 20))),
              ])
          }))
    }
    return .element("li", ["class": conclusion.standing == .certain ? nil : "unsure"], children)
  }

  private func section(_ section: ReportSection, _ figures: [Markup]) -> Markup {
    var children: [Markup] = [.element("h2", ["id": "h-\(section.id)"], section.title)]
    if !section.tables.isEmpty { children += section.lead.map { .element("p", ["class": "lead", "dir": "auto"], $0) } }
    if !section.missing.isEmpty {
      children.append(
        .element("ul", ["class": "missing"], section.missing.map { .element("li", ["dir": "auto"], $0) }))
    }
    children += figures
    children += section.tables.filter { $0.prominence == .main }.map(panel)
    children += section.tables.filter { $0.prominence == .detail || $0.prominence == .comparison }.map(folded)
    let rows = section.tables.filter { $0.prominence == .rows }
    if !rows.isEmpty {
      children.append(
        .element(
          "details", ["class": "rows"],
          [
            .element("summary", [:], "Every run and every second"),
            .element("div", ["class": "inside"], rows.map(folded)),
          ]))
    }
    return .element("section", ["id": section.id, "aria-labelledby": "h-\(section.id)"], children)
  }

  private func footer(_ report: NetworkReport) -> Markup {
    var children = [
      Markup.text(
        "Made by svs bench report. Intervals are of 95 %; bars are medians of the rounds, dots single rounds.")
    ]
    if let documentName {
      children += [
        .text(" "), .element("a", ["href": Self.address(documentName)], "The same figures as JSON"), .text("."),
      ]
    }
    return .element("footer", [:], [.element("p", [:], children)])
  }

  /// A file's name as a relative address, which no name can turn into another one.
  private static func address(_ name: String) -> String { "./" + ReportMarkdown.link(name) }

  // MARK: Tables

  private func panel(_ table: ReportTable) -> Markup {
    .element(
      "div", ["class": "panel"], [.element("h3", ["dir": "auto"], table.title), scrolled(table)] + notes(table))
  }

  private func folded(_ table: ReportTable) -> Markup {
    .element(
      "details", ["class": table.columns.count > 6 ? "wide" : nil],
      [
        .element("summary", ["dir": "auto"], table.title),
        .element("div", ["class": "inside"], [scrolled(table)] + notes(table)),
      ])
  }

  private func notes(_ table: ReportTable) -> [Markup] {
    table.notes.map { .element("p", ["class": "note", "dir": "auto"], $0) }
  }

  // What scrolls can be reached by the keyboard.
  private func scrolled(_ table: ReportTable) -> Markup {
    if table.rows.isEmpty { return .empty }
    let head = Markup.element(
      "thead", [:],
      [
        .element(
          "tr", [:],
          table.columns.map {
            .element("th", ["scope": "col", "class": $0.isNumber ? "number" : nil], $0.title)
          })
      ])
    let body = table.rows.map { row in
      Markup.element(
        "tr", [:],
        zip(row, table.columns).map { cell, column in
          let classes = [column.isNumber ? "number" : nil, cell.tone == .plain ? nil : cell.tone.rawValue]
          let joined = classes.compactMap(\.self).joined(separator: " ")
          return .element(
            "td", ["class": joined.isEmpty ? nil : joined, "dir": column.isNumber ? nil : "auto"], cell.text)
        })
    }
    let isHeadless = table.columns.allSatisfy(\.title.isEmpty)
    return .element(
      "div", ["class": "scroll", "tabindex": "0", "role": "region", "aria-label": table.title],
      [.element("table", [:], (isHeadless ? [] : [head]) + [.element("tbody", [:], body)])])
  }

  /// What fills bars, so that series differ without colours.
  private static var patterns: Markup {
    func pattern(_ number: Int, _ path: String) -> Markup {
      .element(
        "pattern",
        [
          "id": "hatch\(number)", "class": "hatch\(number)", "width": "6", "height": "6",
          "patternUnits": "userSpaceOnUse",
        ],
        [.element("rect", ["width": "6", "height": "6"]), .element("path", ["d": path, "stroke-width": "1.4"])])
    }
    return .element(
      "svg", ["class": "defs", "aria-hidden": "true"],
      [
        .element(
          "defs", [:],
          [pattern(1, "M-1 1L1 -1M0 6L6 0M5 7L7 5"), pattern(2, "M3 0V6"), pattern(3, "M0 3H6M3 0V6")])
      ])
  }
}
