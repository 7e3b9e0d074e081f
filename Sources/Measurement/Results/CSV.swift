/// A table as comma-separated values (RFC 4180, with newlines as Unix has them).
public struct CSV: Sendable {
  public let header: [String]
  public private(set) var rows: [[String]] = []

  public init(_ header: [String]) { self.header = header }

  /// Adds a row; one that is too short or too long for the header is a mistake of the caller.
  public mutating func add(_ row: [String]) {
    precondition(row.count == header.count, "a row has as many fields as the header")
    rows.append(row)
  }

  public var text: String { ([header] + rows).map { $0.map(Self.quoted).joined(separator: ",") + "\n" }.joined() }

  private static func quoted(_ field: String) -> String {
    guard field.contains(where: { ",\"\n\r".contains($0) }) else { return field }
    return "\"" + field.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
  }
}
