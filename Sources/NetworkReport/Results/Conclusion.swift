/// Something that follows from the measured figures, by a rule that could have come out otherwise.
public struct Conclusion: Codable, Hashable, Sendable {
  /// Which rule says it.
  public enum Rule: String, Codable, CaseIterable, Hashable, Sendable {
    case fastestPath = "fastest path"
    case backendLoss = "loss of a backend"
    case hostGatewayAgainstVXLAN = "host-gw against vxlan"
    case whyBackendsDiffer = "why the backends differ"
    case directions
    case latencyUnderLoad = "latency under load"
    case accessPaths = "latency by access path"
    case ingressTime = "where the ingress's time goes"
    case load
    case attachCost = "cost of attached programs"
    case clusterIPCost = "cost of a ClusterIP"
    case hooksAgainstNFTables = "our hooks against nftables rules"
    case scaling = "growing services"
    case undecided = "what could not be decided"
    case failures
  }

  public enum Standing: String, Codable, Hashable, Sendable {
    /// The figures say so beyond their noise.
    case certain
    /// The figures differ by no more than their noise.
    case withinNoise = "within noise"
    /// There are too few figures.
    case undecided
    /// It tells what one run came to; there is no interval that it could be judged by.
    case single = "one run"
  }

  public var rule: Rule
  public var standing: Standing
  /// A whole sentence, or two.
  public var text: String
  /// The figures that it follows from.
  public var evidence: [Evidence]

  public init(rule: Rule, standing: Standing, text: String, evidence: [Evidence] = []) {
    self.rule = rule
    self.standing = standing
    self.text = text
    self.evidence = evidence
  }

  public struct Evidence: Codable, Hashable, Sendable {
    public var name: String
    public var value: Double
    public var interval: ConfidenceInterval?
    /// `Gbit/s`, `%`, `×`, `ms`, `s/Gbit`, `bytes`, `rounds`, `1/s`; `1` of what is only counted.
    public var unit: String

    public init(name: String, value: Double, interval: ConfidenceInterval? = nil, unit: String) {
      self.name = name
      self.value = value
      self.interval = interval
      self.unit = unit
    }
  }
}
