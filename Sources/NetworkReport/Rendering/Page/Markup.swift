/// A piece of HTML or SVG whose texts and attributes were escaped when it was made: there is no other way to make one.
struct Markup: Sendable {
  private(set) var text: String

  private init(safe text: String) { self.text = text }

  static let empty = Markup(safe: "")

  /// Text, as text.
  static func text(_ text: String) -> Markup { Markup(safe: escaped(text)) }

  /// - Parameter attributes: one whose value is nil is left out.
  static func element(
    _ name: StaticString, _ attributes: KeyValuePairs<StaticString, String?> = [:], _ children: [Markup] = []
  ) -> Markup {
    var text = "<\(name)"
    for case (let attribute, let value?) in attributes { text += " \(attribute)=\"\(escaped(value))\"" }
    if isVoid(name) { return Markup(safe: text + ">") }
    text += ">"
    for child in children { text += child.text }
    return Markup(safe: text + "</\(name)>")
  }

  static func element(
    _ name: StaticString, _ attributes: KeyValuePairs<StaticString, String?> = [:], _ content: String
  ) -> Markup { element(name, attributes, [.text(content)]) }

  /// A part of the page's own source: style, script, document type.
  static func source(_ text: StaticString) -> Markup { Markup(safe: "\(text)") }

  static func + (left: Markup, right: Markup) -> Markup { Markup(safe: left.text + right.text) }

  private static func isVoid(_ name: StaticString) -> Bool { ["meta", "link", "br"].contains("\(name)") }

  private static func escaped(_ text: String) -> String {
    var result = ""
    result.reserveCapacity(text.utf8.count)
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      case "\n", "\t": result.unicodeScalars.append(scalar)
      // Not allowed in a document, as characters or otherwise.
      case "\0"..."\u{1f}", "\u{7f}"..."\u{9f}", "\u{fffe}", "\u{ffff}": result += "\u{fffd}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
