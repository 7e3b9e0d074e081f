/// A small checker of pages: every element is closed in order, every attribute quoted, every character reference one.
struct HTMLChecker {
  /// What is wrong, with the text beside it; empty where all is well.
  private(set) var problems: [String] = []
  private(set) var elements: [(name: String, attributes: [String: String])] = []
  private let scalars: [UnicodeScalar]
  private var at = 0

  init(_ page: String) {
    scalars = Array(page.unicodeScalars)
    check()
  }

  private mutating func check() {
    let void: Set<String> = ["meta", "link", "br", "!DOCTYPE"]
    var open: [String] = []
    while at < scalars.count {
      guard scalars[at] == "<" else {
        if scalars[at] == ">" { problem("a bare >") }
        if scalars[at] == "&" { reference() }
        at += 1
        continue
      }
      at += 1
      let closes = scalars.indices.contains(at) && scalars[at] == "/"
      if closes { at += 1 }
      let name = word { $0 != ">" && $0 != " " }
      if closes {
        if open.popLast() != name { problem("</\(name)> closes another element") }
        at += 1
        continue
      }
      if name.isEmpty
        || name.unicodeScalars.contains(where: { !$0.properties.isAlphabetic && $0 != "!" && !("0"..."9").contains($0) }
        )
      {
        problem("<\(name)> is no element")
      }
      let found = attributes(isDocumentType: name == "!DOCTYPE")
      elements.append((name, found))
      if name == "script" || name == "style" {
        skip(to: "</\(name)>")
      } else if !void.contains(name) {
        open.append(name)
      }
    }
    if !open.isEmpty { problem("not closed: \(open)") }
  }

  private mutating func attributes(isDocumentType: Bool) -> [String: String] {
    var found: [String: String] = [:]
    while at < scalars.count, scalars[at] != ">" {
      if scalars[at] == " " {
        at += 1
        continue
      }
      let name = word { $0 != "=" && $0 != ">" && $0 != " " }
      if isDocumentType { continue }
      guard at + 1 < scalars.count, scalars[at] == "=", scalars[at + 1] == "\"" else {
        problem("the attribute '\(name)' has no quoted value")
        return found
      }
      at += 2
      var value = ""
      while at < scalars.count, scalars[at] != "\"" {
        if scalars[at] == "&" { reference() }
        if scalars[at] == "<" { problem("a bare < in '\(name)'") }
        value.unicodeScalars.append(scalars[at])
        at += 1
      }
      at += 1
      if found.updateValue(value, forKey: name) != nil { problem("'\(name)' stands twice") }
    }
    at += 1
    return found
  }

  private mutating func reference() {
    let rest = String(String.UnicodeScalarView(scalars[at..<min(at + 8, scalars.count)]))
    if !["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"].contains(where: rest.hasPrefix) { problem("a bare &") }
  }

  private mutating func word(_ belongs: (UnicodeScalar) -> Bool) -> String {
    let start = at
    while at < scalars.count, belongs(scalars[at]) { at += 1 }
    return String(String.UnicodeScalarView(scalars[start..<at]))
  }

  private mutating func skip(to end: String) {
    let end = Array(end.unicodeScalars)
    while at + end.count <= scalars.count, Array(scalars[at..<at + end.count]) != end { at += 1 }
    at += end.count
  }

  private mutating func problem(_ text: String) {
    let near = String(String.UnicodeScalarView(scalars[max(0, at - 40)..<min(scalars.count, at + 40)]))
    if problems.count < 20 { problems.append("\(text), at …\(near)…") }
  }
}
