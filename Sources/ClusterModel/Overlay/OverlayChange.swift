import Netlink

/// One thing to be done to a node's kernel.
public enum OverlayStep: Hashable, Sendable {
  case createDevice(OverlayDevice)
  case deleteDevice(String, because: String)
  case setMTU(String, UInt32)
  case setMAC(String, MACAddress)
  case setUp(String)
  /// Takes the place of what has the same key.
  case put(OverlayEntry)
  case remove(OverlayEntry)
}

/// The steps from what a kernel holds to what it should hold.
public struct OverlayChange: Hashable, Sendable {
  /// In order: devices, then for each peer its neighbour, its forwarding entry and its route, then what is no longer
  /// wanted in the reverse order, devices last. A route takes the place of another one at once.
  public var steps: [OverlayStep]
  /// Those of the plan, and what others hold that the plan needs.
  public var problems: [OverlayProblem]
  /// What is the overlay's once the steps are done.
  public var record: OverlayRecord

  /// - Parameter owned: what earlier steps put there. All else is left alone, unless the overlay's own devices bear it
  ///   and it stands in the place of what they need.
  public init(from network: NodeNetwork, to plan: OverlayPlan, owned: OverlayRecord) {
    steps = []
    problems = plan.problems
    record = OverlayRecord(mac: owned.mac, ipv6MAC: owned.ipv6MAC)
    var absent: Set<String> = []
    var refused: Set<String> = []
    for device in plan.devices {
      guard prepare(device, network, owned, &absent) else {
        refused.insert(device.name)
        continue
      }
      record.devices.insert(device.name)
    }
    let ours = owned.devices.union(plan.devices.map(\.name))
    let claimed = Set(owned.entries.map(\.key))
    for entry in plan.entries where !refused.contains(entry.device) {
      let isThere = !absent.contains(entry.device) && network.has(entry)
      if !isThere, case .route(let route) = entry, let other = network.routes[route.destination]?.first,
        !claimed.contains(entry.key), !ours.contains(other.device ?? "")
      {
        problems.append(.foreignRoute(route.destination, via: other.way))
        continue
      }
      record.entries.insert(entry)
      if !isThere { steps.append(.put(entry)) }
    }
    for device in plan.devices where !refused.contains(device.name) {
      if absent.contains(device.name) || network.links[device.name]?.isUp == false {
        // An address first, as flannel does, and before the routes.
        let place = steps.firstIndex { if case .put(let entry) = $0 { !entry.isAddress } else { false } }
        steps.insert(.setUp(device.name), at: place ?? steps.endIndex)
      }
    }
    removeOld(network, owned, plan, refused)
  }

  /// Whether the device can be had; appends what makes it so.
  private mutating func prepare(
    _ device: OverlayDevice, _ network: NodeNetwork, _ owned: OverlayRecord, _ absent: inout Set<String>
  ) -> Bool {
    let other = network.links.values.filter { $0.name != device.name && $0.serves(device.tunnels) }.map(\.name).min()
    guard let link = network.links[device.name] else {
      if let other {
        problems.append(.takenNetwork(vni: device.tunnels.id, port: device.tunnels.port, by: other))
        return false
      }
      absent.insert(device.name)
      steps.append(.createDevice(device))
      return true
    }
    // One that nobody wrote down, with an address of another network, is another cluster's.
    let isOurs = owned.devices.contains(device.name) || !network.hasOtherAddress(than: device.address, on: device.name)
    guard link.kind == "vxlan", isOurs else {
      problems.append(.foreignDevice(device.name, kind: link.kind))
      return false
    }
    if let difference = link.tunnels?.difference(from: device.tunnels) {
      absent.insert(device.name)
      steps += [.deleteDevice(device.name, because: difference), .createDevice(device)]
      return true
    }
    if link.mtu != device.mtu { steps.append(.setMTU(device.name, device.mtu)) }
    if link.mac != device.mac { steps.append(.setMAC(device.name, device.mac)) }
    return true
  }

  private mutating func removeOld(
    _ network: NodeNetwork, _ owned: OverlayRecord, _ plan: OverlayPlan, _ refused: Set<String>
  ) {
    let wanted = Set(plan.entries.map(\.key))
    let devices = Set(plan.devices.map(\.name))
    let staying = owned.devices.filter {
      !devices.contains($0) && plan.lingering.contains(OverlayDevice.nameInLeases($0))
    }
    record.devices.formUnion(staying.filter { network.links[$0]?.kind == "vxlan" })
    let going = owned.devices.filter {
      !devices.contains($0) && !staying.contains($0) && network.links[$0]?.kind == "vxlan"
    }
    let old = owned.entries.filter { !wanted.contains($0.key) && !refused.contains($0.device) && network.has($0) }
    // With their device go its neighbours, forwarding entries and addresses. Routes first, so that no packet takes one.
    let named = old.filter { !going.contains($0.device) || $0.isRoute }
    steps += named.sorted { ($0.rank, $0.description) > ($1.rank, $1.description) }.map { .remove($0) }
    steps += going.sorted().reversed().map { .deleteDevice($0, because: "it is no longer wanted") }
  }
}

extension OverlayEntry {
  /// The order in which things are made.
  fileprivate var rank: Int {
    switch self {
    case .address: 0
    case .neighbour: 1
    case .forwarding: 2
    case .route: 3
    }
  }

  fileprivate var isAddress: Bool { rank == 0 }
  fileprivate var isRoute: Bool { rank == 3 }
}

extension NodeNetwork.Route {
  /// In words for whoever made it.
  fileprivate var way: String {
    guard kind == .unicast else { return "of the kind \(kind)" }
    return [gateway.map { "via \($0)" }, device.map { "dev \($0)" }].compactMap { $0 }.joined(separator: " ")
  }
}

extension NodeNetwork.Link {
  /// Whether the kernel would take two such devices for the same network.
  fileprivate func serves(_ wanted: VXLANSettings) -> Bool {
    guard let tunnels, !tunnels.isExternal else { return false }
    return tunnels.id == wanted.id && tunnels.port == wanted.port
      && (tunnels.local?.family ?? tunnels.remote?.family ?? .ipv4) == (wanted.local?.family ?? .ipv4)
  }
}

extension VXLANSettings {
  /// In which way a device cannot do what it should; these cannot be changed while it exists.
  fileprivate func difference(from wanted: VXLANSettings) -> String? {
    if id != wanted.id { return "its VNI is \(id)" }
    if isExternal { return "its tunnels are given with each packet" }
    if parent != wanted.parent { return "its outer interface is another one" }
    if local != wanted.local { return "its local address is \(local?.description ?? "not set")" }
    if port != wanted.port { return "its port is \(port)" }
    if learns { return "it learns" }
    if let remote { return "it sends what it does not know to \(remote)" }
    if timeToLive != wanted.timeToLive { return "its time to live is \(timeToLive)" }
    return nil
  }
}

extension OverlayStep: CustomStringConvertible {
  public var description: String {
    switch self {
    case .createDevice(let device): "create \(device.name)"
    case .deleteDevice(let name, let reason): "delete \(name): \(reason)"
    case .setMTU(let name, let mtu): "set the MTU of \(name) to \(mtu)"
    case .setMAC(let name, let mac): "set the hardware address of \(name) to \(mac)"
    case .setUp(let name): "set \(name) up"
    case .put(let entry): "put \(entry)"
    case .remove(let entry): "remove \(entry)"
    }
  }
}
