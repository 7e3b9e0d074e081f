/// Rows of a plot along a common horizontal axis: a label, a drawing, the value as text.
///
/// Positions are in per cent and letters are not scaled, so that it is read on a phone as on a wall. Texts stand in the
/// page's own flow and cannot run into each other.
struct Strip: Sendable {
  enum Look: Sendable {
    /// A bar from the axis's beginning, its interval over it, a dot for each round.
    case bar
    /// A point with its interval.
    case point
  }

  /// One mark with its value.
  struct Mark: Sendable {
    var name: String
    /// Which series it is of, from 0: its colour, pattern and shape.
    var series: Int
    var value: Double?
    var interval: ConfidenceInterval?
    /// The rounds' values.
    var rounds: [Double] = []
    var text: String
  }

  struct Row: Sendable {
    var label: String
    var marks: [Mark]
  }

  var title: String
  /// What the axis counts.
  var unit: String
  var look: Look
  var scale: Scale
  var rows: [Row]
  /// A line across all rows, as at a ratio of 1.
  var reference: Double?
  /// What the series are, where rows have more than one.
  var legend: [String] = []
  var note: String?

  var isEmpty: Bool { !rows.contains { $0.marks.contains { $0.value?.isFinite == true } } }

  var markup: Markup {
    var children: [Markup] = [.element("figcaption", [:], [.element("b", [:], title), .text(" " + unit)])]
    if legend.count > 1 { children.append(Self.legend(legend, look)) }
    children += rows.map { row in
      Markup.element(
        "div", ["class": "row"],
        [.element("p", ["class": "label", "dir": "auto"], row.label)] + row.marks.map { markup($0, in: row) })
    }
    children.append(.element("div", ["class": "row axis"], [axis]))
    if let note { children.append(.element("p", ["class": "note"], note)) }
    return .element("figure", ["class": "strip"], children)
  }

  static func legend(_ names: [String], _ look: Look) -> Markup {
    .element(
      "p", ["class": "legend"],
      names.enumerated().map { index, name in
        let key: Markup =
          look == .bar
          ? .element("rect", ["class": "bar s\(index)", "x": "1", "y": "1", "width": "22", "height": "10"])
          : Marker.drawn(index, x: "50%", y: 6)
        return .element(
          "span", [:],
          [
            .element("svg", ["class": "key", "width": "24", "height": "12", "aria-hidden": "true"], [key]), .text(name),
          ])
      })
  }

  private func markup(_ mark: Mark, in row: Row) -> Markup {
    let spoken = "\(row.label)\(mark.name.isEmpty ? "" : ", \(mark.name)"): \(mark.text)"
    var drawing: [Markup] = [.element("title", [:], spoken)]
    let ground = look == .bar ? scale.low : reference ?? .nan
    if let x = scale.percent(ground) { drawing.append(Self.line(x, x, 0, 22, look == .bar ? "ground" : "reference")) }
    if let value = mark.value, let x = scale.percent(value) {
      if look == .bar {
        drawing.append(
          .element(
            "rect",
            ["class": "bar s\(mark.series)", "x": "0", "y": "4", "width": coordinate(x) + "%", "height": "14"]))
      }
      drawing += mark.rounds.prefix(100).compactMap { round in
        scale.percent(round).map {
          .element(
            "circle", ["class": "round", "cx": coordinate($0) + "%", "cy": look == .bar ? "11" : "18", "r": "2"])
        }
      }
      if let interval = mark.interval, let low = scale.percent(interval.low), let high = scale.percent(interval.high) {
        drawing += [
          Self.line(low, high, 11, 11, "whisker"), Self.line(low, low, 7, 15, "whisker"),
          Self.line(high, high, 7, 15, "whisker"),
        ]
      }
      if look == .point { drawing.append(Marker.drawn(mark.series, x: coordinate(x) + "%", y: 11)) }
    }
    return .element(
      "div", ["class": "mark"],
      [
        .element("span", ["class": "series"], mark.name),
        .element("svg", ["class": "lane", "height": "22", "role": "img", "aria-label": spoken], drawing),
        .element("span", ["class": "value"], mark.text),
      ])
  }

  private var axis: Markup {
    let last = scale.ticks.count - 1
    var drawing: [Markup] = []
    for (index, tick) in scale.ticks.enumerated() {
      guard let x = scale.percent(tick) else { continue }
      drawing.append(Self.line(x, x, 0, 5, "tick"))
      let isFirst = index == 0 && x < 4, isLast = index == last && x > 96
      drawing.append(
        .element(
          "text",
          [
            "x": coordinate(x) + "%", "y": "17", "text-anchor": isFirst ? "start" : isLast ? "end" : "middle",
          ], Scale.label(tick)))
    }
    drawing.append(Self.line(0, 100, 0, 0, "tick"))
    return .element(
      "div", ["class": "mark"],
      [
        .element("span", ["class": "series"]),
        .element("svg", ["class": "lane", "height": "20", "aria-hidden": "true"], drawing),
        .element("span", ["class": "value"]),
      ])
  }

  private static func line(_ x1: Double, _ x2: Double, _ y1: Int, _ y2: Int, _ kind: String) -> Markup {
    .element(
      "line",
      ["class": kind, "x1": coordinate(x1) + "%", "x2": coordinate(x2) + "%", "y1": "\(y1)", "y2": "\(y2)"])
  }
}

/// The shapes that tell series apart without colours.
enum Marker {
  static func drawn(_ series: Int, x: String, y: Double, _ title: String? = nil) -> Markup {
    let path =
      switch series % 5 {
      case 0: "M-5 0A5 5 0 1 1 5 0A5 5 0 1 1 -5 0Z"
      case 1: "M-4.5 -4.5H4.5V4.5H-4.5Z"
      case 2: "M0 -6L6 0L0 6L-6 0Z"
      case 3: "M0 -5.5L5.5 4.5H-5.5Z"
      default: "M0 5.5L5.5 -4.5H-5.5Z"
      }
    return .element(
      "svg", ["class": "marker", "x": x, "y": coordinate(y), "overflow": "visible"],
      [
        .element(
          "path", ["class": "point s\(series % 5)", "d": path], title.map { [.element("title", [:], $0)] } ?? [])
      ])
  }
}
