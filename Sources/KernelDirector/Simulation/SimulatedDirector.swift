import Dataplane
import DataplaneSimulation
import DataplaneTypes
import Netlink

/// A director whose tables are in this process's memory.
///
/// Rules are written there by the code that writes the kernel's, and packets are decided on by the packet path itself,
/// so it does what a real one would. It needs no rights and touches nothing.
public struct SimulatedDirector {
  /// The interface that packets come in by, and that all routes lead to.
  public static let interface: UInt32 = 2

  /// Where rules are changed and looked at.
  public let rules: Director
  /// What packets are decided on.
  public let state: MemoryPlatform.State

  init(rules: Director, state: MemoryPlatform.State) {
    self.rules = rules
    self.state = state
  }

  /// A director without rules, to which every address is a neighbour's.
  ///
  /// - Parameter capacity: connections that its table holds.
  public init(capacity: UInt32 = 1 << 20) throws(DirectorError) {
    state = MemoryPlatform.State(capacity: capacity)
    if let config = state.configuration.find(0) {
      config.pointee.handover_ifindex = 3
      config.pointee.lookup_ifindex = 4
      config.pointee.attach_mode = Director.AttachMode.byName
      Timeouts.initialise(config)
      // Rules that name twos come from a director that has it.
      var knobs = Knobs()
      knobs.offersTwos = 1
      config.write(knobs)
    }
    for family in [Family.ipv4, Family.ipv6] {
      state.routes.append(MemoryRoute(family: family, prefix: .zero, length: 0, ifindex: Self.interface))
    }
    for interface in [Self.interface, 3, 4] {
      let device = svs_device(flags: UInt32(SVS_DEVICE_REDIRECT), lower: interface, vlan: 0, reserved: 0)
      _ = state.devices.replace(interface, device)
    }
    rules = try Director(simulatedIn: state)
  }
}

/// What stands in the tables, in the model's words.
extension SimulatedDirector {
  public func identity(ofService number: UInt32) -> ServiceIdentity? {
    state.serviceRecords.find(number)?.pointee.key.identity
  }

  public func settings(ofService number: UInt32) -> ServiceSettings? {
    state.serviceRecords.find(number)?.settings
  }

  public func endpoint(ofServer number: UInt32) -> Endpoint? { state.servers.find(number)?.endpoint }
  public func settings(ofServer number: UInt32) -> ServerSettings? { state.servers.find(number)?.settings }

  /// An entry of the connection table; nil where the slot is free.
  public func connection(at slot: UInt32) -> ConnectionSnapshot? {
    guard let connection = state.connections.find(slot)?.pointee, connection.word != 0 else { return nil }
    var snapshot = ConnectionSnapshot(
      connection, now: UInt32(truncatingIfNeeded: state.clock >> UInt64(SVS_TICK_SHIFT)))
    if snapshot?.method == .fullNAT { snapshot?.local = rules.tables?.localEnd(of: slot, connection) }
    return snapshot
  }

  /// The firewall mark services of a family: with any, packets visit the kernel's own rules first.
  public func hasMarkServices(_ family: IPAddress.Family) -> Bool {
    guard let config = state.configuration.find(0) else { return false }
    return (family == .ipv4 ? config.pointee.marks4 : config.pointee.marks6) != 0
  }

  /// Sets the clock of connections forward and ends what has expired meanwhile.
  public func advance(nanoseconds: UInt64) {
    // Templates that still control connections are renewed on the way, and a look at every second is as good as many.
    let step = max(1_000_000_000, nanoseconds / 256)
    var left = nanoseconds
    while left > 0 {
      let time = min(left, step)
      state.clock += time
      left -= time
      MemoryPlatform(state).sweep()
    }
  }
}

extension IPAddress {
  /// The address in the packet path's records.
  public var record: svs_addr { svs_addr(self) }

  public init(record: svs_addr, family: UInt8) { self = record.address(family) }
}
