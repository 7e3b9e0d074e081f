/// Lines over two axes: over time, over shares, over a number of services.
///
/// As wide as the page gives it, and of a fixed height; only the lines are stretched, never letters or marks.
struct Chart: Sendable {
  struct Point: Sendable {
    var x: Double
    var y: Double
    var interval: ConfidenceInterval?
  }

  struct Line: Sendable {
    var name: String
    var series: Int
    var points: [Point]
    /// One of many, that is to be seen behind the others.
    var isFaint = false
    /// Where marks stand: at every point, or at these of them.
    var marked: [Int]?
    /// Whether a value holds until the next, as a share of requests does.
    var isStepped = false
  }

  var title: String
  /// What it shows, in a sentence for those who do not see it.
  var summary: String
  var xTitle: String
  var yTitle: String
  var x: Scale
  var y: Scale
  /// In place of numbers.
  var xLabels: [(at: Double, text: String)]?
  var yLabels: [(at: Double, text: String)]?
  var lines: [Line]
  var height: Double = 200
  var showsLegend = true
  var note: String?

  var isEmpty: Bool { !lines.contains { !$0.points.isEmpty } }

  var markup: Markup {
    var children: [Markup] = [.element("figcaption", [:], [.element("b", [:], title), .text(" " + yTitle)])]
    let named = lines.filter { !$0.isFaint }
    if showsLegend, named.count > 1 {
      children.append(.element("p", ["class": "legend"], named.map(key)))
    }
    children.append(
      .element(
        "div", ["class": "plot"],
        [
          .element("svg", ["class": "ylabels", "height": coordinate(height + 26), "aria-hidden": "true"], yAxis),
          .element(
            "svg",
            ["class": "area", "height": coordinate(height + 26), "role": "img", "aria-label": "\(title): \(summary)"],
            grid + lines.map(drawn) + lines.flatMap(marks)),
        ]))
    children.append(.element("p", ["class": "xtitle"], xTitle))
    if let note { children.append(.element("p", ["class": "note"], note)) }
    return .element("figure", ["class": "chart"], children)
  }

  private func key(_ line: Line) -> Markup {
    .element(
      "span", [:],
      [
        .element(
          "svg", ["class": "key", "width": "34", "height": "14", "aria-hidden": "true"],
          [
            .element("line", ["class": "line s\(line.series)", "x1": "0", "x2": "34", "y1": "7", "y2": "7"]),
            Marker.drawn(line.series, x: "17", y: 7),
          ]),
        .text(line.name),
      ])
  }

  // From the top, in pixels: letters above the first line need room.
  private func vertical(_ value: Double) -> Double? { y.percent(value).map { 6 + (height - 6) * (1 - $0 / 100) } }

  private var yAxis: [Markup] {
    (yLabels ?? y.ticks.map { ($0, Scale.label($0)) }).compactMap { value, text in
      vertical(value).map {
        .element("text", ["x": "100%", "y": coordinate($0 + 4), "text-anchor": "end"], text)
      }
    }
  }

  private var grid: [Markup] {
    var result: [Markup] = []
    for tick in yLabels?.map(\.at) ?? y.ticks {
      guard let at = vertical(tick).map(coordinate) else { continue }
      result.append(.element("line", ["class": "grid", "x1": "0", "x2": "100%", "y1": at, "y2": at]))
    }
    let labels = xLabels ?? x.ticks.map { ($0, Scale.label($0)) }
    for (index, label) in labels.enumerated() {
      guard let at = x.percent(label.at) else { continue }
      let place = coordinate(at) + "%"
      result.append(
        .element(
          "line",
          ["class": "tick", "x1": place, "x2": place, "y1": coordinate(height), "y2": coordinate(height + 5)]))
      let anchor = index == 0 && at < 4 ? "start" : index == labels.count - 1 && at > 96 ? "end" : "middle"
      result.append(
        .element("text", ["x": place, "y": coordinate(height + 19), "text-anchor": anchor], label.text))
    }
    return result
  }

  private func drawn(_ line: Line) -> Markup {
    var path = ""
    var before: Double?
    for point in line.points {
      guard let across = x.percent(point.x), let share = y.percent(point.y) else {
        before = nil
        continue
      }
      let at = coordinate(across * 10), down = coordinate(1000 - share * 10)
      if before != nil, line.isStepped {
        path += "H\(at)V\(down)"
      } else {
        path += (before == nil ? "M" : "L") + "\(at) \(down)"
      }
      before = share
    }
    return .element(
      "svg",
      [
        "x": "0", "y": "6", "width": "100%", "height": coordinate(height - 6), "viewBox": "0 0 1000 1000",
        "preserveAspectRatio": "none", "overflow": "visible",
      ],
      [
        .element(
          "path", ["class": "line s\(line.series)\(line.isFaint ? " faint" : "")", "d": path.isEmpty ? "M0 0" : path],
          [.element("title", [:], line.name)])
      ])
  }

  private func marks(_ line: Line) -> [Markup] {
    if line.isFaint { return [] }
    return (line.marked ?? Array(line.points.indices)).filter(line.points.indices.contains).flatMap {
      index -> [Markup] in
      let point = line.points[index]
      guard let across = x.percent(point.x), let down = vertical(point.y) else { return [] }
      let place = coordinate(across) + "%"
      var result: [Markup] = []
      if let interval = point.interval, let low = vertical(interval.low), let high = vertical(interval.high) {
        result.append(
          .element(
            "line",
            ["class": "whisker", "x1": place, "x2": place, "y1": coordinate(low), "y2": coordinate(high)]))
      }
      let text = "\(line.name): \(Cells.number(point.y)) at \(Cells.number(point.x))"
      return result + [Marker.drawn(line.series, x: place, y: down, text)]
    }
  }
}
