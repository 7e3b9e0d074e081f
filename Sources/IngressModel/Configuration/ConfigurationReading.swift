import Glibc

/// The text of a file of configuration.
public struct ConfigurationText: Hashable, Sendable {
  /// What findings call it.
  public var name: String
  public var text: String

  public init(name: String, text: String) {
    self.name = name
    self.text = text
  }
}

extension IngressConfiguration {
  /// Largest file that is read, in bytes.
  public static let fileSizeLimit = 16 << 20

  /// Reads files as they stand: objects of Kubernetes and Traefik's file-provider form, both in YAML.
  ///
  /// Of Kubernetes' objects are read IngressRoute and weighted TraefikService (groups `traefik.io` and
  /// `traefik.containo.us`); Service, Endpoints and EndpointSlice, for where servers are; Secrets that an IngressRoute
  /// names. Other objects (Deployment, ConfigMap, …) are passed over, since people keep them in the same files, except
  /// those that also route requests: an Ingress, an HTTPRoute or an IngressRouteTCP that did nothing would be a loss
  /// without a word. In both forms a service may have, beyond what Traefik knows:
  ///
  ///     strategy: LeastConnections        # or RoundRobin, SourceHash
  ///     retries: 2                        # 0 to 10
  ///     circuitBreaker: {failures: 5, pause: 10s}
  ///     proxyProtocol: {version: 2}       # or 1
  ///     healthCheck: {path: /health}      # in an IngressRoute too
  ///
  /// A service of an IngressRoute is called `NAMESPACE/NAME:PORT`, its routers `NAMESPACE/NAME#1` and so on.
  ///
  /// - Parameters:
  ///   - files: Paths; the order decides ties between routers of the same priority.
  ///   - overrides: Where servers of services are, whatever the files say.
  ///   - domain: The cluster's domain, for services of which the files do not say where they are: they are asked for
  ///     as `NAME.NAMESPACE.svc.DOMAIN`.
  /// - Throws: All that is wrong, not just the first.
  public static func read(
    files: [String], overrides: [BackendOverride] = [], domain: String = "cluster.local"
  ) throws(IngressConfigurationError) -> IngressConfiguration {
    var texts: [ConfigurationText] = []
    var unreadable: [ConfigurationFinding] = []
    for file in files {
      do throws(ConfigurationFinding) {
        texts.append(ConfigurationText(name: file, text: try contents(of: file)))
      } catch {
        unreadable.append(error)
      }
    }
    guard !unreadable.isEmpty else { return try read(texts: texts, overrides: overrides, domain: domain) }
    // What the others lack may stand in the one that could not be read.
    throw IngressConfigurationError(unreadable)
  }

  /// Reads texts in place of files; does nothing but compute.
  public static func read(
    texts: [ConfigurationText], overrides: [BackendOverride] = [], domain: String = "cluster.local"
  ) throws(IngressConfigurationError) -> IngressConfiguration {
    let findings = Findings()
    var builder = ConfigurationBuilder(overrides: overrides, domain: domain, findings: findings)
    var sources: [ConfigurationSource] = []
    for text in texts {
      guard !isTOML(text) else {
        findings.isIncomplete = true
        findings.add(
          SourcePlace(file: text.name, line: 1), "TOML is not read; write the same in YAML, whose keys are the same")
        continue
      }
      for document in YAMLReader.documents(text.text, file: text.name, findings) {
        ConfigurationSource.sort(document, into: &sources, findings)
      }
    }
    for case .inventory(let object) in sources { builder.inventory.add(object, findings) }
    for source in sources { builder.add(source) }
    builder.finish(files: texts.map(\.name))
    if let error = findings.error(files: texts.map(\.name)) { throw error }
    return builder.configuration
  }

  private static func isTOML(_ text: ConfigurationText) -> Bool {
    if text.name.lowercasedASCII.hasSuffix(".toml") { return true }
    let lines = text.text.prefix(4_096).split(whereSeparator: \.isNewline)
    let first = lines.first { line in
      let content = line.drop { $0 == " " }
      return !content.isEmpty && content.first != "#"
    }
    return first.map {
      $0.hasPrefix("[http") || $0.hasPrefix("[[http") || $0.hasPrefix("[tls") || $0.hasPrefix("[[tls")
    }
      ?? false
  }

  package static func contents(of file: String) throws(ConfigurationFinding) -> String {
    func failure() -> ConfigurationFinding {
      ConfigurationFinding(nil, "cannot read '\(file)': \(String(cString: strerror(errno)))")
    }
    let descriptor = open(file, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure() }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = Glibc.read(descriptor, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw failure() }
      guard count > 0 else { break }
      bytes += chunk[..<count]
      guard bytes.count <= fileSizeLimit else {
        throw ConfigurationFinding(nil, "'\(file)' has more than \(fileSizeLimit >> 20) MiB; is it a configuration?")
      }
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw ConfigurationFinding(nil, "'\(file)' is not UTF-8; is it a configuration?")
    }
    return text
  }
}

extension ConfigurationFinding: Error {}
