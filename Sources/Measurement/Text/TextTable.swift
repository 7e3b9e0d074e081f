/// A table for a terminal: columns as wide as they need be, numbers to the right.
public struct TextTable: Sendable {
  public enum Alignment: Sendable { case left, right }

  public struct Column: Sendable {
    public var title: String
    public var alignment: Alignment

    public init(_ title: String, _ alignment: Alignment = .right) {
      self.title = title
      self.alignment = alignment
    }
  }

  private enum Line: Sendable {
    case row([String])
    case rule
  }

  private let columns: [Column]
  private var lines: [Line] = []
  private let indent: String
  private let gap: String

  /// - Parameter gap: blanks between columns.
  public init(_ columns: [Column], indent: Int = 0, gap: Int = 2) {
    self.columns = columns
    self.indent = String(repeating: " ", count: indent)
    self.gap = String(repeating: " ", count: gap)
  }

  public mutating func add(_ cells: [String]) {
    precondition(cells.count == columns.count, "a row has as many cells as the table has columns")
    lines.append(.row(cells))
  }

  /// A line across the table.
  public mutating func addRule() { lines.append(.rule) }

  /// The table with a newline at the end of each line; without titles where all are empty.
  public var text: String {
    let titles = columns.map(\.title)
    var widths = titles.map(\.count)
    for case .row(let cells) in lines {
      for (index, cell) in cells.enumerated() { widths[index] = max(widths[index], cell.count) }
    }
    let rule = widths.map { String(repeating: "-", count: $0) }
    let head = titles.allSatisfy(\.isEmpty) ? [] : [Line.row(titles)]
    return (head + lines).map { line in
      let cells = if case .row(let cells) = line { cells } else { rule }
      let padded = zip(zip(cells, widths), columns).map { cell, column in
        column.alignment == .left ? cell.0.paddedRight(to: cell.1) : cell.0.paddedLeft(to: cell.1)
      }
      return indent + padded.joined(separator: gap).droppingTrailingBlanks + "\n"
    }.joined()
  }
}

extension String {
  /// With blanks after it.
  public func paddedRight(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
  /// With blanks before it.
  public func paddedLeft(to width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }

  /// Without the blanks at its end.
  public var droppingTrailingBlanks: String { String(reversed().drop { $0 == " " }.reversed()) }
}
