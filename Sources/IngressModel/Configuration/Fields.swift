/// The members of a mapping whose keys are known.
package struct Fields {
  package let place: SourcePlace
  private let what: String
  private let findings: Findings
  private var values: [String: ConfigurationNode.Entry] = [:]

  /// Reads a mapping; keys that are not known, or not supported, are findings.
  ///
  /// - Parameters:
  ///   - what: What the mapping is, for people.
  ///   - known: The keys that are read.
  ///   - refused: Keys that mean something to Traefik and nothing here, and what to do about each.
  package init(
    _ node: ConfigurationNode, _ what: String, known: [String], refused: [String: String] = [:], _ findings: Findings
  ) {
    place = node.place
    self.what = what
    self.findings = findings
    for entry in node.entries(what, findings) {
      if known.contains(entry.key) {
        values[entry.key] = entry
      } else if let remedy = refused[entry.key] {
        findings.add(entry.place, "'\(entry.key)' in \(what) is not supported; \(remedy)")
      } else if let near = Spelling.nearest(to: entry.key, among: known + refused.keys.sorted()) {
        findings.add(
          entry.place, "\(what) knows no '\(ConfigurationNode.excerpt(entry.key))'; did you mean \(near)?")
      } else {
        findings.add(
          entry.place,
          "\(what) knows no '\(ConfigurationNode.excerpt(entry.key))'; it knows \(known.joined(separator: ", "))")
      }
    }
  }

  /// A member; nil where there is none or it has no value.
  package subscript(_ key: String) -> ConfigurationNode? {
    values[key].flatMap { $0.value.isNull ? nil : $0.value }
  }

  /// A member even if it has no value, as `cookie:` alone.
  package func entry(_ key: String) -> ConfigurationNode.Entry? { values[key] }

  package func place(of key: String) -> SourcePlace { values[key]?.place ?? place }

  /// A member that must be there.
  package func required(_ key: String, _ remedy: String) -> ConfigurationNode? {
    if let value = self[key] { return value }
    findings.add(place(of: key), "'\(key)' is missing in \(what); \(remedy)")
    return nil
  }
}
