/// The routers of one entry point, ready to choose among them.
///
/// Routers whose every alternative demands a host stand in an index by host; a request is asked of those of its host
/// and of the rest, in the order of priority, ties in the order of the files. A value: requests that began with one
/// table finish with it while another is put in its place.
public struct RoutingTable: Sendable {
  /// Those that listen here, highest priority first.
  public let routers: [Router]
  /// Positions in `routers`, in ascending order.
  private let byHost: [String: [Int]]
  private let forAnyHost: [Int]

  /// The table of an entry point, for requests over TLS or for the others.
  public init(_ routers: [Router], entryPoint: String, isTLS: Bool) {
    self.init(
      routers.filter { router in
        router.isTLS == isTLS && (router.entryPoints.isEmpty || router.entryPoints.contains(entryPoint))
      })
  }

  /// The table of all these routers.
  public init(_ routers: [Router]) {
    // Sorting need not keep the order of equals.
    let sorted = routers.enumerated().sorted {
      ($1.element.priority, $0.offset) < ($0.element.priority, $1.offset)
    }.map(\.element)
    var byHost: [String: [Int]] = [:]
    var forAnyHost: [Int] = []
    for (index, router) in sorted.enumerated() {
      guard let hosts = router.rule.expression.demandedHosts else {
        forAnyHost.append(index)
        continue
      }
      for host in hosts { byHost[host, default: []].append(index) }
    }
    self.routers = sorted
    self.byHost = byHost
    self.forAnyHost = forAnyHost
  }

  /// The router that takes a request; nil: none does.
  public func router(for request: some RequestView) -> Router? {
    index(for: request).map { routers[$0] }
  }

  /// The position in `routers` of the one that takes a request.
  public func index(for request: some RequestView) -> Int? {
    guard let ofHost = byHost[HostName.canonical(request.host)] else {
      return forAnyHost.first { routers[$0].rule.matches(request) }
    }
    var (host, any) = (0, 0)
    while host < ofHost.count || any < forAnyHost.count {
      let index: Int
      if any == forAnyHost.count || (host < ofHost.count && ofHost[host] < forAnyHost[any]) {
        index = ofHost[host]
        host += 1
      } else {
        index = forAnyHost[any]
        any += 1
      }
      if routers[index].rule.matches(request) { return index }
    }
    return nil
  }
}
