import Netlink

/// What an overlay has put into a node's kernel, and the hardware addresses it gave its devices: what a restart needs.
public struct OverlayRecord: Hashable, Sendable {
  public var mac: MACAddress?
  public var ipv6MAC: MACAddress?
  public var devices: Set<String>
  public var entries: Set<OverlayEntry>

  public init(
    mac: MACAddress? = nil, ipv6MAC: MACAddress? = nil, devices: Set<String> = [], entries: Set<OverlayEntry> = []
  ) {
    self.mac = mac
    self.ipv6MAC = ipv6MAC
    self.devices = devices
    self.entries = entries
  }

  /// What of it is still there: what somebody put in the place of the rest meanwhile is theirs.
  public func present(in network: NodeNetwork) -> OverlayRecord {
    var record = self
    record.devices = devices.filter { network.links[$0]?.kind == "vxlan" }
    record.entries = entries.filter(network.has)
    return record
  }

  /// Takes over what has the shape of a pods' network that nobody wrote down, such as flannel's own after an upgrade.
  ///
  /// A tunnel device with flannel's name and an address of the network; routes to subnets by their base through it, and
  /// the neighbours and forwarding entries that those need. All else on the device is somebody's.
  public init(adopting network: NodeNetwork, of configuration: FlannelConfiguration) {
    self.init()
    let pods = [configuration.ipv4?.prefix, configuration.ipv6?.prefix].compactMap { $0 }
    func isPods(_ address: IPAddress) -> Bool { pods.contains { $0.contains(address) } }
    for case .address(let prefix, let device) in network.entries
    where OverlayDevice.isName(device) && network.links[device]?.kind == "vxlan" && isPods(prefix.address) {
      guard prefix.length == prefix.address.bitWidth else { continue }
      devices.insert(device)
      entries.insert(.address(prefix, device: device))
      if prefix.address.family == .ipv4 {
        mac = network.links[device]?.mac
      } else {
        ipv6MAC = network.links[device]?.mac
      }
    }
    for route in network.routes.values.joined() {
      guard let device = route.device, devices.contains(device), let gateway = route.gateway,
        gateway == route.destination.address, isPods(gateway), route.isOnLink
      else { continue }
      entries.insert(.route(OverlayRoute(to: route.destination, via: gateway, device: device, isOnLink: true)))
      for case .neighbour(gateway, let mac, device) in network.entries {
        entries.insert(.neighbour(gateway, mac, device: device))
        for case .forwarding(mac, let remote, device) in network.entries {
          entries.insert(.forwarding(mac, to: remote, device: device))
        }
      }
    }
  }
}
