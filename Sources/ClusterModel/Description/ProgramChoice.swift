import IngressModel

/// What runs in a container's place: the lab has no images.
enum ProgramChoice {
  static let words = ["webapp", "ingress", "resolver", "none"]

  /// The program that an image stands for; nil for one that nothing here does.
  static func ofImage(
    _ image: String, name: String, ports: [ClusterDescription.ContainerPort]
  ) -> ClusterDescription.Program? {
    // REGISTRY:PORT/FOLDER/NAME:TAG@DIGEST
    let last = image.split(separator: "/").last ?? ""
    let base = last.prefix { $0 != ":" && $0 != "@" }.lowercased()
    if base.contains("sample-webapp") { return program("webapp", name: name, ports: ports) }
    if base.contains("traefik") || base.contains("ingress") { return program("ingress", name: name, ports: ports) }
    if base.contains("coredns") || base == "dns" || base.hasSuffix("-dns") {
      return program("resolver", name: name, ports: ports)
    }
    return nil
  }

  /// A program by one of our words, or as a command.
  static func named(
    _ text: String, name: String, ports: [ClusterDescription.ContainerPort], at place: SourcePlace, _ findings: Findings
  ) -> ClusterDescription.Program? {
    if let known = program(text, name: name, ports: ports) { return known }
    guard let command = split(text), let first = command.first else {
      findings.add(
        place, "the program has a double quote that does not end, or no words: '\(ConfigurationNode.excerpt(text))'")
      return nil
    }
    if command.count == 1, let near = Spelling.nearest(to: first, among: words) {
      findings.add(place, "there is no program '\(first)'; did you mean \(near)? A command can be written as a list")
      return nil
    }
    return .init(name: name, kind: .command(command), ports: ports)
  }

  private static func program(
    _ word: String, name: String, ports: [ClusterDescription.ContainerPort]
  ) -> ClusterDescription.Program? {
    func number(_ names: [String]) -> UInt16? { ports.first { names.contains($0.name ?? "") }?.number }
    switch word {
    case "webapp":
      let port = ports.first { $0.transport == .tcp } ?? .init(8000)
      return .init(name: name, kind: .webApp(port: port.number), ports: ports.isEmpty ? [port] : ports)
    case "resolver":
      let made = ports.isEmpty ? [.init(53, name: "dns", transport: .udp), .init(53, name: "dns-tcp")] : ports
      return .init(name: name, kind: .resolver, ports: made)
    case "ingress":
      let entry = number(["web", "http"]) ?? ports.first { $0.transport == .tcp }?.number ?? 80
      let status = number(["status", "traefik", "admin", "dashboard"]) ?? (entry == 8080 ? 9000 : 8080)
      var made = ports
      if !made.contains(where: { $0.number == entry }) { made.append(.init(entry, name: "web")) }
      if !made.contains(where: { $0.number == status }) { made.append(.init(status, name: "status")) }
      return .init(name: name, kind: .ingress(entryPort: entry, statusPort: status), ports: made)
    case "none": return .init(name: name, kind: .none, ports: ports)
    default: return nil
    }
  }

  /// Words between blanks; double quotes hold blanks together. Nil where a quote does not end.
  static func split(_ text: String) -> [String]? {
    var words: [String] = []
    var word: String?
    var isQuoted = false
    for character in text {
      switch character {
      case "\"":
        isQuoted.toggle()
        word = word ?? ""
      case " ", "\t", "\n", "\r\n":
        if isQuoted {
          word?.append(character)
        } else if let made = word {
          words.append(made)
          word = nil
        }
      default: word = (word ?? "") + String(character)
      }
    }
    if let word { words.append(word) }
    return isQuoted ? nil : words
  }
}
