import Yams

/// Reads YAML into nodes that know their lines.
///
/// Only here is known which library does it. Aliases are followed and merge keys (`<<`) are merged, up to a number of
/// values: a few lines of aliases of aliases make billions.
package struct YAMLReader {
  /// Most values of one file.
  package static let valueLimit = 200_000
  /// Values inside values.
  package static let depthLimit = 100

  private let file: String
  private var count = 0

  /// The documents of a file; what cannot be read is a finding, and what stands before it is read.
  package static func documents(_ text: String, file: String, _ findings: Findings) -> [ConfigurationNode] {
    var reader = YAMLReader(file: file)
    var made: [ConfigurationNode] = []
    do {
      // A mark of byte order is no content.
      let parser = try Parser(yaml: text.hasPrefix("\u{feff}") ? String(text.unicodeScalars.dropFirst()) : text)
      while let root = try parser.nextRoot() { made.append(try reader.node(root)) }
    } catch let mistake as Mistake {
      findings.isIncomplete = true
      findings.add(mistake.place, mistake.reason)
    } catch let error as YamlError {
      findings.isIncomplete = true
      findings.add(reader.place(of: error, in: text), "this is no YAML: \(Self.reason(of: error))")
    } catch {
      findings.isIncomplete = true
      findings.add(SourcePlace(file: file, line: 1), "this is no YAML: \(error)")
    }
    return made
  }

  private struct Mistake: Error {
    var place: SourcePlace
    var reason: String
  }

  private func place(_ mark: Mark?) -> SourcePlace { SourcePlace(file: file, line: max(mark?.line ?? 1, 1)) }

  private mutating func node(_ node: Node, depth: Int = 0) throws -> ConfigurationNode {
    let place = place(node.mark)
    count += 1
    guard count <= Self.valueLimit, depth <= Self.depthLimit else {
      throw Mistake(place: place, reason: "there are too many values here, by lists in lists or aliases of aliases")
    }
    switch node {
    case .scalar(let scalar): return ConfigurationNode(content: Self.content(scalar), place: place)
    case .sequence(let sequence):
      var items: [ConfigurationNode] = []
      for item in sequence { items.append(try self.node(item, depth: depth + 1)) }
      return ConfigurationNode(content: .list(items), place: place)
    case .mapping(let mapping):
      return ConfigurationNode(content: .mapping(try entries(mapping, depth: depth + 1)), place: place)
    case .alias: throw Mistake(place: place, reason: "an alias of nothing")
    }
  }

  private static func content(_ scalar: Node.Scalar) -> ConfigurationNode.Content {
    switch scalar.style {
    case .singleQuoted, .doubleQuoted, .literal, .folded: .scalar(scalar.string, isQuoted: true)
    default:
      ["", "~", "null", "Null", "NULL"].contains(scalar.string) ? .null : .scalar(scalar.string, isQuoted: false)
    }
  }

  private mutating func entries(_ mapping: Node.Mapping, depth: Int) throws -> [ConfigurationNode.Entry] {
    var made: [ConfigurationNode.Entry] = []
    var merged: [ConfigurationNode.Entry] = []
    for (key, value) in mapping {
      guard case .scalar(let scalar) = key else {
        throw Mistake(place: place(key.mark), reason: "a key is to be a text")
      }
      let node = try node(value, depth: depth)
      guard scalar.string == "<<" else {
        made.append(.init(key: scalar.string, place: place(scalar.mark), value: node))
        continue
      }
      let sources = if case .list(let items) = node.content { items } else { [node] }
      for source in sources {
        guard case .mapping(let entries) = source.content else {
          throw Mistake(place: place(scalar.mark), reason: "'<<' merges mappings only")
        }
        merged += entries
      }
    }
    // What a mapping says itself is worth more than what it merges, and what it merges first more than later things.
    var keys = Set(made.map(\.key))
    for entry in merged where keys.insert(entry.key).inserted { made.append(entry) }
    return made
  }

  // MARK: Errors of the library

  private func place(of error: YamlError, in text: String) -> SourcePlace {
    switch error {
    case .scanner(_, _, let mark, _), .parser(_, _, let mark, _), .composer(_, _, let mark, _): return place(mark)
    case .duplicatedKeysInMapping(_, let context): return place(context.mark)
    case .reader(_, let offset?, _, _):
      return SourcePlace(file: file, line: text.prefix(offset).reduce(1) { $0 + ($1.isNewline ? 1 : 0) })
    default: return SourcePlace(file: file, line: 1)
    }
  }

  private static func reason(of error: YamlError) -> String {
    switch error {
    case .scanner(let context, let problem, _, _), .parser(let context, let problem, _, _),
      .composer(let context, let problem, _, _):
      return [context?.text, problem].compactMap(\.self).joined(separator: ", ")
    case .reader(let problem, _, _, _): return problem
    case .duplicatedKeysInMapping(let keys, _):
      return "the same key twice: \(keys.map(ConfigurationNode.excerpt).joined(separator: ", "))"
    default: return "\(error)"
    }
  }
}
