/// A value of a configuration file, and where it stands.
package struct ConfigurationNode: Hashable, Sendable {
  package enum Content: Hashable, Sendable {
    case null
    /// Quoted: meant as text, whatever it looks like.
    case scalar(String, isQuoted: Bool)
    case list([ConfigurationNode])
    case mapping([Entry])
  }

  package struct Entry: Hashable, Sendable {
    package var key: String
    package var place: SourcePlace
    package var value: ConfigurationNode
  }

  package var content: Content
  package var place: SourcePlace

  package var isNull: Bool { if case .null = content { true } else { false } }

  /// Whether there is nothing in it.
  package var isEmpty: Bool {
    switch content {
    case .null: true
    case .scalar(let text, _): text.isEmpty
    case .list(let items): items.isEmpty
    case .mapping(let entries): entries.isEmpty
    }
  }

  /// A member of a mapping; nil where there is none or it has no value.
  package subscript(_ key: String) -> ConfigurationNode? {
    guard case .mapping(let entries) = content else { return nil }
    return entries.first { $0.key == key && !$0.value.isNull }?.value
  }

  /// What it is, for people.
  private var kind: String {
    switch content {
    case .null: "nothing"
    case .scalar(let text, _): "'\(Self.excerpt(text))'"
    case .list: "a list"
    case .mapping: "a mapping"
    }
  }

  /// Of long texts the beginning.
  package static func excerpt(_ text: String) -> String { text.count > 60 ? "\(text.prefix(60))…" : text }

  // MARK: Values; what is none is a finding

  package func text(_ what: String, _ findings: Findings) -> String? {
    guard case .scalar(let text, _) = content, !text.isEmpty else {
      findings.add(place, "\(what) is to be a text; it is \(kind)")
      return nil
    }
    return text
  }

  package func list(_ what: String, _ findings: Findings) -> [ConfigurationNode] {
    switch content {
    case .list(let items): return items
    case .null: return []
    default:
      findings.add(place, "\(what) is to be a list; it is \(kind)")
      return []
    }
  }

  package func texts(_ what: String, _ findings: Findings) -> [String] {
    list(what, findings).compactMap { $0.text("an item of \(what)", findings) }
  }

  package func entries(_ what: String, _ findings: Findings) -> [Entry] {
    switch content {
    case .mapping(let entries): return entries
    case .null: return []
    default:
      findings.add(place, "\(what) is to be a mapping; it is \(kind)")
      return []
    }
  }

  package func flag(_ what: String, _ findings: Findings) -> Bool? {
    switch content {
    case .scalar("true", isQuoted: false), .scalar("True", isQuoted: false), .scalar("TRUE", isQuoted: false):
      return true
    case .scalar("false", isQuoted: false), .scalar("False", isQuoted: false), .scalar("FALSE", isQuoted: false):
      return false
    default:
      findings.add(place, "\(what) is to be true or false; it is \(kind)")
      return nil
    }
  }

  package func integer(_ what: String, _ range: ClosedRange<Int>, _ findings: Findings) -> Int? {
    guard case .scalar(let text, _) = content, let value = Int(text), range.contains(value) else {
      let bounds = range == Int.min...Int.max ? "a number" : "a number from \(range.lowerBound) to \(range.upperBound)"
      findings.add(place, "\(what) is to be \(bounds); it is \(kind)")
      return nil
    }
    return value
  }

  /// Longer than nothing, up to a day.
  package func duration(_ what: String, _ findings: Findings) -> Duration? {
    guard case .scalar(let text, _) = content, let value = GoDuration.parse(text), value > .zero,
      value <= .seconds(86_400)
    else {
      findings.add(place, "\(what) is to be a duration up to a day, as 10s, 1m30s or 500ms; it is \(kind)")
      return nil
    }
    return value
  }

  /// One of some words, in any case.
  package func word<Value>(_ what: String, _ words: KeyValuePairs<String, Value>, _ findings: Findings) -> Value? {
    guard let text = text(what, findings) else { return nil }
    if let found = words.first(where: { $0.key.lowercasedASCII == text.lowercasedASCII }) { return found.value }
    let names = words.map(\.key)
    let known = Spelling.nearest(to: text, among: names).map { "did you mean \($0)?" }
    findings.add(
      place, "\(what) knows no '\(Self.excerpt(text))'; \(known ?? "it knows \(names.joined(separator: ", "))")")
    return nil
  }
}
