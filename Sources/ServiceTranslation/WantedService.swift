import ClusterModel
import Netlink

/// A service as it is to be: checked, and in the tables' terms.
struct WantedService {
  let name: ServicePort.Name
  let key: AddressKey
  /// The cluster IP's, and those of its node port.
  let addresses: [AddressKey]
  let affinitySeconds: UInt32
  /// In the order given; one that is named twice counts once.
  let endpoints: [AddressKey]

  /// All of them, or an error that names the first that cannot be.
  static func all(
    _ services: [ServicePort], nodeAddresses: [IPAddress]
  ) throws(ServiceTranslationError) -> [WantedService] {
    var owners: [AddressKey: ServicePort.Name] = [:]
    owners.reserveCapacity(services.count * (1 + nodeAddresses.count))
    var wanted: [WantedService] = []
    wanted.reserveCapacity(services.count)
    for service in services {
      let new = try WantedService(service, nodeAddresses)
      for address in new.addresses {
        if let owner = owners.updateValue(service.name, forKey: address) {
          throw .invalidService(
            service.name, why: "is at \(address.address), port \(address.port), where the service \(owner) is already")
        }
      }
      wanted.append(new)
    }
    return wanted
  }

  private init(_ service: ServicePort, _ nodeAddresses: [IPAddress]) throws(ServiceTranslationError) {
    name = service.name
    let family = service.clusterIP.family
    guard service.clusterIP.canBeAddressed else {
      throw .invalidService(name, why: "has \(service.clusterIP) for a cluster IP, which is no host's address")
    }
    guard service.port != 0, service.nodePort != 0 else {
      throw .invalidService(name, why: "has the port 0; ports are 1 to 65535")
    }
    key = AddressKey(service.clusterIP, port: service.port, service.transport)
    var addresses = [key]
    if let nodePort = service.nodePort {
      var seen: Set<IPAddress> = []
      for node in nodeAddresses where node.family == family && seen.insert(node).inserted {
        addresses.append(AddressKey(node, port: nodePort, service.transport))
      }
    }
    self.addresses = addresses
    affinitySeconds = service.affinitySeconds ?? 0
    var endpoints: [AddressKey] = []
    endpoints.reserveCapacity(service.endpoints.count)
    var seen: Set<AddressKey> = []
    for endpoint in service.endpoints {
      guard endpoint.address.family == family, endpoint.address.canBeAddressed, endpoint.port != 0 else {
        throw .invalidService(
          name,
          why: "at \(service.clusterIP) cannot have the endpoint \(endpoint.address), port \(endpoint.port): "
            + "it takes an address of the same family, of a host, and a port from 1 to 65535")
      }
      let key = AddressKey(endpoint.address, port: endpoint.port, service.transport)
      if seen.insert(key).inserted { endpoints.append(key) }
    }
    self.endpoints = endpoints
  }
}

extension IPAddress {
  /// Whether a service can be here: not unspecified, not multicast, and not IPv4 in the clothes of IPv6.
  fileprivate var canBeAddressed: Bool {
    switch family {
    case .ipv4: words.0 != 0 && words.0 & 0xF0 != 0xE0
    case .ipv6:
      !(words.0 == 0 && words.1 == 0 && (words.2 == UInt32(0xFFFF).bigEndian || words.2 == 0 && words.3 == 0))
        && words.0 & 0xFF != 0xFF
    }
  }
}
