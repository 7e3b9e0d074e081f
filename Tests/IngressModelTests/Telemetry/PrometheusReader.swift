/// Reads Prometheus' text format 0.0.4 and accepts nothing that is only nearly right.
enum PrometheusReader {
  struct Problem: Error { let line: String }

  struct Sample {
    let name: String
    let labels: [String: String]
    let value: Double
  }

  struct Family {
    let name: String
    let help: String
    var type = ""
    var samples: [Sample] = []

    func value(_ labels: [String: String], suffix: String = "") -> Double? {
      samples.first { $0.name == name + suffix && $0.labels == labels }?.value
    }
  }

  static func read(_ bytes: [UInt8]) throws -> [Family] {
    guard bytes.last == UInt8(ascii: "\n") else { throw Problem(line: "no line feed at the end") }
    var families: [Family] = []
    for bytes in bytes.dropLast().split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      guard let line = String(validating: bytes, as: UTF8.self) else { throw Problem(line: "not UTF-8") }
      if line.hasPrefix("# HELP ") {
        let (name, help) = try halves(line.dropFirst(7))
        if families.contains(where: { $0.name == name }) { throw Problem(line: line) }
        families.append(Family(name: name, help: try unescape(help, quotes: false)))
      } else if line.hasPrefix("# TYPE ") {
        let (name, type) = try halves(line.dropFirst(7))
        guard let last = families.indices.last, families[last].name == name, families[last].type.isEmpty,
          ["counter", "gauge", "histogram"].contains(type)
        else { throw Problem(line: line) }
        families[last].type = String(type)
      } else {
        let sample = try sample(line)
        guard let last = families.indices.last, families[last].accepts(sample) else { throw Problem(line: line) }
        families[last].samples.append(sample)
      }
    }
    for family in families where family.type == "histogram" { try checkHistogram(family) }
    return families
  }

  private static func halves(_ text: Substring) throws -> (String, Substring) {
    guard let space = text.firstIndex(of: " "), isName(text[..<space]) else { throw Problem(line: String(text)) }
    return (String(text[..<space]), text[text.index(after: space)...])
  }

  private static func isName(_ text: Substring) -> Bool {
    text.wholeMatch(of: /[a-zA-Z_:][a-zA-Z0-9_:]*/) != nil
  }

  private static func sample(_ line: String) throws -> Sample {
    var rest = Substring(line).unicodeScalars
    func take(while isIn: (Unicode.Scalar) -> Bool) -> Substring {
      let taken = rest.prefix(while: isIn)
      rest = rest[taken.endIndex...]
      return Substring(taken)
    }
    func expect(_ scalar: Unicode.Scalar) throws {
      guard rest.popFirst() == scalar else { throw Problem(line: line) }
    }
    let name = take { $0 != "{" && $0 != " " }
    guard isName(name) else { throw Problem(line: line) }
    var labels: [String: String] = [:]
    if rest.first == "{" {
      rest.removeFirst()
      repeat {
        let label = take { $0 != "=" }
        guard isName(label) else { throw Problem(line: line) }
        try expect("=")
        try expect("\"")
        var value = Substring.UnicodeScalarView()
        while let next = rest.popFirst(), next != "\"" {
          value.append(next)
          if next == "\\", let escaped = rest.popFirst() { value.append(escaped) }
        }
        guard labels.updateValue(try unescape(Substring(value), quotes: true), forKey: String(label)) == nil else {
          throw Problem(line: line)
        }
        if rest.first == "}" { break }
        try expect(",")
      } while true
      try expect("}")
    }
    try expect(" ")
    guard let value = Double(Substring(rest)) else { throw Problem(line: line) }
    return Sample(name: String(name), labels: labels, value: value)
  }

  private static func unescape(_ text: Substring, quotes: Bool) throws -> String {
    var result = String.UnicodeScalarView()
    var scalars = text.unicodeScalars
    while let scalar = scalars.popFirst() {
      guard scalar == "\\" else {
        result.append(scalar)
        continue
      }
      switch scalars.popFirst() {
      case "\\": result.append("\\")
      case "n": result.append("\n")
      case "\"" where quotes: result.append("\"")
      default: throw Problem(line: String(text))
      }
    }
    return String(result)
  }

  private static func checkHistogram(_ family: Family) throws {
    let buckets = family.samples.filter { $0.name.hasSuffix("_bucket") }
    let series = Dictionary(grouping: buckets) { $0.labels.filter { $0.key != "le" } }
    for (labels, buckets) in series {
      let bounds = buckets.compactMap { $0.labels["le"].flatMap { Double($0 == "+Inf" ? "inf" : $0) } }
      guard bounds.count == buckets.count, bounds == bounds.sorted(), bounds.last == .infinity,
        buckets.map(\.value) == buckets.map(\.value).sorted(),
        family.value(labels, suffix: "_count") == buckets.last?.value, family.value(labels, suffix: "_sum") != nil
      else { throw Problem(line: family.name) }
    }
  }
}

extension PrometheusReader.Family {
  fileprivate func accepts(_ sample: PrometheusReader.Sample) -> Bool {
    let names = type == "histogram" ? ["_bucket", "_sum", "_count"].map { name + $0 } : [name]
    return !type.isEmpty && names.contains(sample.name)
      && !samples.contains { $0.name == sample.name && $0.labels == sample.labels }
  }
}
