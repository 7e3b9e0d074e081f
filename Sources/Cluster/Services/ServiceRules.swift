import ClusterModel
import KernelDirector
import Netlink

/// The director's rules for a cluster's services at one node: each service at its cluster IP, and at its node port.
struct ServiceRules: Equatable {
  /// A virtual service as it is to stand.
  struct Rule: Equatable {
    /// The service that this is for; nil where another process made it.
    var name: ServicePort.Name?
    var settings: ServiceSettings
    var servers: [Endpoint]
  }

  private(set) var rules: [ServiceIdentity: Rule] = [:]
  private(set) var nodePorts: [TransportProtocol: Set<UInt16>] = [:]

  init() {}

  /// - Throws: `invalid` where two services want the same address and port, or the family is not IPv4.
  init(_ services: [ServicePort], at nodeAddress: IPAddress) throws(NodeDirectorError) {
    rules.reserveCapacity(services.count * 2)
    for service in services {
      try add(service, at: Endpoint(service.clusterIP, port: service.port))
      guard let port = service.nodePort else { continue }
      guard port > 0 else {
        throw .invalid("\(service.name): \(port) is no node port; those are 1 to 65535, by custom 30000 to 32767")
      }
      try add(service, at: Endpoint(nodeAddress, port: port))
      nodePorts[service.transport.director, default: []].insert(port)
    }
  }

  private mutating func add(_ service: ServicePort, at virtual: Endpoint) throws(NodeDirectorError) {
    let identity = ServiceIdentity.address(service.transport.director, virtual)
    if let other = rules[identity]?.name {
      throw .invalid(
        "\(service.name) and \(other) are both at \(virtual.address):\(virtual.port)/\(service.transport.word); "
          + "give one of them another address or port")
    }
    if let foreign = ([virtual] + service.endpoints).first(where: { $0.address.family != .ipv4 }) {
      throw .invalid("\(service.name): \(foreign.address) is no IPv4 address; services from outside have no others yet")
    }
    rules[identity] = Rule(
      name: service.name,
      settings: ServiceSettings(scheduler: "rr", persistence: service.affinitySeconds ?? 0),
      servers: service.endpoints.uniqued)
  }

  /// Takes over a service that stands.
  mutating func adopt(
    _ snapshot: ServiceSnapshot, without leaving: Set<Endpoint>, named name: ServicePort.Name?,
    at nodeAddress: IPAddress
  ) {
    rules[snapshot.identity] = Rule(
      name: name, settings: snapshot.settings,
      servers: snapshot.servers.map(\.endpoint).filter { !leaving.contains($0) })
    if case .address(let transport, let endpoint) = snapshot.identity, endpoint.address == nodeAddress {
      nodePorts[transport, default: []].insert(endpoint.port)
    }
  }

  subscript(identity: ServiceIdentity) -> Rule? { rules[identity] }
}

extension ServicePort.TransportProtocol {
  var director: TransportProtocol { self == .tcp ? .tcp : .udp }
  var word: String { self == .tcp ? "tcp" : "udp" }
}

extension Array where Element: Hashable {
  fileprivate var uniqued: [Element] {
    var seen: Set<Element> = []
    return filter { seen.insert($0).inserted }
  }
}
