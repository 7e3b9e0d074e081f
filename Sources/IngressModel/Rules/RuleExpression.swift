/// What a rule demands.
indirect enum RuleExpression: Sendable {
  case matcher(RuleMatcher)
  case not(RuleExpression)
  case all([RuleExpression])
  case any([RuleExpression])
}

/// One demand on a request.
enum RuleMatcher: Sendable {
  /// One of these, in lower case, without brackets and trailing dot.
  case host([String])
  case hostPattern([RegularExpression])
  case client([AddressPrefix])
  case path([PathPattern])
  case pathPrefix([PathPattern])
  case method([String])
  /// A value of a header field; nil: any.
  case header(name: String, value: String?)
  case headerPattern(name: String, RegularExpression)
  /// All of these.
  case query([QueryDemand])
}

/// A path as written, or a template of one.
enum PathPattern: Sendable {
  case literal(String)
  case template(RegularExpression)
}

/// A parameter of the query: its decoded name, and its value; nil: any.
struct QueryDemand: Sendable {
  enum Value: Sendable {
    case any
    case exactly([UInt8])
    case template(RegularExpression)
  }

  var name: [UInt8]
  var value: Value
}

extension RuleExpression {
  /// Hosts of which a request must have one; nil where other hosts may do.
  var demandedHosts: Set<String>? {
    switch self {
    case .matcher(.host(let hosts)): return Set(hosts)
    case .matcher, .not: return nil
    case .all(let parts): return parts.lazy.compactMap(\.demandedHosts).min { $0.count < $1.count }
    case .any(let parts):
      var made: Set<String> = []
      for part in parts {
        guard let hosts = part.demandedHosts else { return nil }
        made.formUnion(hosts)
      }
      return made
    }
  }
}
