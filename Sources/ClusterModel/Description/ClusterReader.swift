import IngressModel
import Netlink

/// Puts a description together, from documents of all kinds.
struct ClusterReader {
  var description: ClusterDescription
  /// What is wrong.
  let findings = Findings()
  /// What is accepted and has no effect.
  let remarks = Findings()
  /// Members of the object that is being read which have no effect.
  let ignored = IgnoredMembers()
  /// Objects of these files, by kind and name.
  var claimed: [String: SourcePlace] = [:]
  var clusterDocument: SourcePlace?
  /// Containers in whose place nothing runs.
  var idle: [QualifiedName: [(image: ConfigurationNode, what: String, isBesideAnother: Bool)]] = [:]
  /// How many there were before; only these can be replaced.
  let baseWorkloads: Int
  let baseServices: Int

  init(base: ClusterDescription?) {
    description = base ?? ClusterDescription.bare
    baseWorkloads = description.workloads.count
    baseServices = description.services.count
  }

  mutating func read(_ node: ConfigurationNode, depth: Int = 0) {
    switch node.content {
    case .null: return
    case .mapping(let entries):
      guard entries.contains(where: { $0.key == "kind" || $0.key == "apiVersion" }) else { return readCluster(node) }
      guard let kindNode = node["kind"], let kind = kindNode.text("'kind'", findings) else {
        if node["kind"] == nil { findings.add(node.place, "'kind' is missing in an object of Kubernetes") }
        return
      }
      if kind == "List" || kind.hasSuffix("List") && node["items"] != nil {
        guard depth < 8 else {
          return findings.add(node.place, "these are lists in lists; write the objects one by one")
        }
        for item in node["items"]?.list("'items'", findings) ?? [] { read(item, depth: depth + 1) }
        return
      }
      readObject(node, kind: kind, at: kindNode.place)
    default:
      findings.add(node.place, "a document is to be a mapping, as 'kind: Deployment' or 'nodes:' begin one")
    }
  }

  /// Looks at what can only be seen when all is read.
  mutating func finish(files: [String]) throws(ClusterDescriptionError) -> ClusterDescription {
    description.applySettings(findings)
    noteIdle()
    description.checkRoutes(findings, notes: remarks)
    description.notes += remarks.sorted(files: files)
    if findings.all.isEmpty {
      // What the layout finds wrong is told with the rest, and before anything is built.
      do throws(ClusterDescriptionError) { _ = try description.layout() } catch {
        for finding in error.findings { findings.add(finding.place, finding.message) }
      }
    }
    guard findings.all.isEmpty else { throw ClusterDescriptionError(findings.sorted(files: files)) }
    return description
  }

  // MARK: Helpers

  /// The members of an object of Kubernetes; those that have no effect here are noted.
  func fields(
    _ node: ConfigurationNode, _ what: String, known: [String], noted: [String: String] = [:], silent: [String] = []
  ) -> Fields {
    let fields = Fields(node, what, known: known + noted.keys.sorted() + silent, findings)
    for key in noted.keys.sorted() {
      if let entry = fields.entry(key), !entry.value.isEmpty {
        ignored.add(key, of: what, at: entry.place, reason: noted[key] ?? "")
      }
    }
    return fields
  }

  /// Whether this object is the first of its kind and name in these files.
  mutating func claim(_ kind: String, _ name: QualifiedName, at place: SourcePlace) -> Bool {
    let key = "\(kind) \(name)"
    if let first = claimed[key] {
      findings.add(place, "the \(key) is in \(first) already; keep one of them, or give it another name")
      return false
    }
    claimed[key] = place
    return true
  }

  func address(_ node: ConfigurationNode, _ what: String) -> IPAddress? {
    guard let text = node.text(what, findings) else { return nil }
    guard let address = IPAddress(text), address.family == .ipv4 else {
      findings.add(
        node.place,
        "\(what) is to be an IPv4 address, as 192.168.0.1; it is '\(ConfigurationNode.excerpt(text))'")
      return nil
    }
    return address
  }

  /// A network; one with bits behind its length is most likely a slip.
  func prefix(_ node: ConfigurationNode, _ what: String) -> IPPrefix? {
    guard let text = node.text(what, findings) else { return nil }
    guard text.contains("/"), let prefix = IPPrefix(text), prefix.address.family == .ipv4 else {
      findings.add(
        node.place, "\(what) is to be an IPv4 network, as 10.96.0.0/12; it is '\(ConfigurationNode.excerpt(text))'")
      return nil
    }
    guard prefix.network == prefix else {
      findings.add(node.place, "\(what) has bits behind its length: \(prefix); did you mean \(prefix.network)?")
      return nil
    }
    guard (8...30).contains(prefix.length) else {
      findings.add(node.place, "\(what) is to be from /8 to /30; it is \(prefix)")
      return nil
    }
    return prefix
  }

  /// A mapping of texts, as labels are.
  ///
  /// - Parameter isStrict: Whether numbers and flags are refused, as Kubernetes does; else they are taken as written.
  func labels(_ node: ConfigurationNode?, _ what: String, isStrict: Bool = false) -> [String: String] {
    var made: [String: String] = [:]
    for entry in node?.entries(what, findings) ?? [] {
      switch entry.value.content {
      case .null: made[entry.key] = ""
      case .scalar(let text, let isQuoted):
        made[entry.key] = text
        if isStrict, !isQuoted, Self.isNumberOrFlag(text) {
          let (key, value) = (ConfigurationNode.excerpt(entry.key), ConfigurationNode.excerpt(text))
          findings.add(
            entry.place, "'\(key)' in \(what) is to be a text, and \(value) is none to Kubernetes; write \"\(value)\"")
        }
      default: findings.add(entry.place, "'\(ConfigurationNode.excerpt(entry.key))' in \(what) is to be a text")
      }
    }
    return made
  }

  /// What YAML takes for something else than a text where it has no quotes.
  private static func isNumberOrFlag(_ text: String) -> Bool {
    if ["true", "false", "yes", "no", "on", "off"].contains(text.lowercased()) { return true }
    guard let first = text.utf8.first, text.utf8.contains(where: { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }) else {
      return false
    }
    return "+-.0123456789".utf8.contains(first) && Double(text) != nil
  }

  /// A number of a manifest: Kubernetes takes none in quotes.
  func number(_ node: ConfigurationNode, _ what: String, _ range: ClosedRange<Int>) -> Int? {
    if case .scalar(let text, isQuoted: true) = node.content, Int(text) != nil {
      findings.add(node.place, "\(what) is a text to Kubernetes, not a number; write \(text) without quotes")
      return nil
    }
    return node.integer(what, range, findings)
  }

  /// A name as DNS has its labels (RFC 1123): it becomes one, and a part of the names of namespaces.
  func name(_ node: ConfigurationNode, _ what: String, limit: Int = 63) -> String? {
    guard let text = node.text(what, findings) else { return nil }
    guard let reason = ClusterNames.fault(of: text, limit: limit) else { return text }
    findings.add(node.place, "\(what) '\(ConfigurationNode.excerpt(text))' \(reason)")
    return nil
  }
}

extension Findings {
  /// In the order of the files and their lines.
  func sorted(files: [String]) -> [ConfigurationFinding] { error(files: files)?.findings ?? [] }
}

extension ClusterDescription {
  /// The nodes and networks of the standard cluster, with nothing on them.
  static let bare: ClusterDescription = {
    let networks = [
      IPPrefix("192.168.77.0/24"), IPPrefix("10.244.0.0/16"), IPPrefix("10.96.0.0/12"),
    ].compactMap(\.self)
    return ClusterDescription(
      name: "k8s",
      nodes: [
        Node("master", address: networks[0].host(51), roles: ["control-plane"]),
        Node("node1", address: networks[0].host(52)), Node("node2", address: networks[0].host(53)),
      ],
      nodeNetwork: networks[0], podNetwork: FlannelConfiguration(ipv4: .init(networks[1]), backend: .vxlan(.init())),
      serviceNetwork: networks[2], domain: "cluster.local", outside: networks[0].host(100), workloads: [], services: [],
      notes: [], places: [:],
      settings: [], routeObjects: [], placements: [:], lastHosts: [:])
  }()
}
