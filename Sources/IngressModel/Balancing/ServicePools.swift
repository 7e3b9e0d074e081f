/// The pools of all services of a configuration.
public struct ServicePools: Sendable {
  /// How many services may stand one in the other.
  public static let depth = 8

  private let byName: [String: ServicePool]
  /// By name.
  public let all: [ServicePool]

  /// Makes pools of services; those of servers that stay keep counters, health and breaker state of older pools.
  ///
  /// The older pools go on working for requests that have them: both write the same counters.
  public init(
    _ services: [String: BackendService], inheriting older: ServicePools? = nil
  ) throws(ServicePoolError) {
    var builder = Builder(services: services, older: older)
    for name in services.keys.sorted() { _ = try builder.part(name, path: []) }
    byName = builder.made.mapValues(\.pool)
    all = byName.values.sorted { $0.service.name < $1.service.name }
  }

  public subscript(name: String) -> ServicePool? { byName[name] }

  private struct Builder {
    struct Part {
      let pool: ServicePool
      /// Services one in the other, with this one.
      var height = 1
      /// The service of each cookie in it.
      var cookies: [String: String] = [:]
    }

    let services: [String: BackendService]
    let older: ServicePools?
    var made: [String: Part] = [:]

    mutating func part(_ name: String, path: [String]) throws(ServicePoolError) -> Part? {
      if let known = made[name] { return known }
      guard var service = services[name] else { return nil }
      // The dictionary's name is the one that others use.
      service.name = name
      if let start = path.firstIndex(of: name) {
        throw .cycle(Array(path[start...]) + [name], source: service.source)
      }
      let inherited = older?[name]
      var part: Part
      switch service.members {
      case .servers(let servers): part = Part(pool: ServicePool(service, servers: servers, inheriting: inherited))
      case .services(let members):
        var children: [(pool: ServicePool, weight: Int)] = []
        var height = 1
        var cookies: [String: String] = [:]
        for member in members {
          guard let child = try self.part(member.name, path: path + [name]) else {
            throw .unknownService(member.name, in: name, source: service.source)
          }
          height = max(height, child.height + 1)
          cookies.merge(child.cookies) { first, _ in first }
          if let index = children.firstIndex(where: { $0.pool === child.pool }) {
            children[index].weight += ServicePool.clamped(member.weight)
          } else {
            children.append((child.pool, ServicePool.clamped(member.weight)))
          }
        }
        if height > ServicePools.depth { throw .tooDeep(name, source: service.source) }
        part = Part(
          pool: ServicePool(service, pools: children, inheriting: inherited), height: height, cookies: cookies)
      }
      if let sticky = service.sticky {
        guard sticky.hasValidName else { throw .cookieName(sticky.name, in: name, source: service.source) }
        if let child = part.cookies[sticky.name] {
          throw .sameCookie(sticky.name, of: name, and: child, source: service.source)
        }
        part.cookies[sticky.name] = name
      }
      made[name] = part
      return part
    }
  }
}

/// Why services make no pools.
public enum ServicePoolError: Error, Hashable, Sendable, CustomStringConvertible {
  case unknownService(String, in: String, source: SourcePlace)
  /// Services from the first to the one that stands in itself.
  case cycle([String], source: SourcePlace)
  case tooDeep(String, source: SourcePlace)
  case cookieName(String, in: String, source: SourcePlace)
  case sameCookie(String, of: String, and: String, source: SourcePlace)

  public var description: String {
    switch self {
    case .unknownService(let name, let parent, let source):
      "\(source): service '\(parent)' names service '\(name)', which is not defined: define it, or correct the name"
    case .cycle(let names, let source):
      "\(source): services contain each other: \(names.joined(separator: " → ")): take one of them out"
    case .tooDeep(let name, let source):
      "\(source): service '\(name)' contains services more than \(ServicePools.depth) deep: "
        + "let it name the inner ones itself"
    case .cookieName(let name, let service, let source):
      "\(source): service '\(service)' has a sticky cookie named '\(name)', which cannot be sent: "
        + "use letters, digits and -_."
    case .sameCookie(let cookie, let parent, let child, let source):
      "\(source): services '\(parent)' and '\(child)', one in the other, both use the cookie '\(cookie)': "
        + "give each its own name"
    }
  }
}
