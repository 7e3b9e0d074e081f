import DataplaneTypes
import Netlink

/// A director that stands at the hand-over pair alone, and is sent its packets by the kernel's routing.
///
/// An XDP program on a veth takes segmentation offload from its peer, which costs everybody else on that device most of
/// their throughput. Where services are a small part of the traffic it is better to route what is theirs past it.
extension Director {
  /// Has services' packets routed to the director instead of attaching it to interfaces, and makes it if there is none.
  ///
  /// Called again it changes what is routed. The host must forward IPv4. `detach([])` ends it.
  ///
  /// - Parameter capacity: connections the table holds; nil leaves it as it is, or at its default.
  public func attachRouted(_ intake: RoutedIntake, capacity: UInt32? = nil) throws(DirectorError) {
    try locked { () throws(DirectorError) in
      try checkCapacity(capacity)
      let isNew = self.tables == nil
      let tables = try establish(capacity: capacity ?? DirectorObject.defaultCapacity)
      let mode = tables.config.pointee.attach_mode
      do throws(DirectorError) {
        let wasRouted = isRouted(tables)
        tables.config.pointee.attach_mode = AttachMode.routed
        if !wasRouted { try refreshDevices(tables) }
        let isSteered = try steeringHolds(tables)
        if !wasRouted || !isSteered { try steerAnew(tables) }
        try IntakeRules(interface: tables.config.pointee.handover_ifindex).apply(intake)
      } catch {
        if isNew { destroy() } else { tables.config.pointee.attach_mode = mode }
        throw error
      }
    }
  }

  /// What is routed to the director; nil where it is attached to interfaces, or is not there.
  public func routedIntake() throws(DirectorError) -> RoutedIntake? {
    try locked { () throws(DirectorError) -> RoutedIntake? in
      guard let tables, isRouted(tables) else { return nil }
      do throws(NetlinkError) {
        return try IntakeRules.standing()
      } catch {
        throw .system(doing: error.action, errno: error.code)
      }
    }
  }

  /// Whether the director stands, and all is there by which this comes to it: devices, rules and routes.
  public func isSent(_ intake: RoutedIntake) throws(DirectorError) -> Bool {
    try locked { () throws(DirectorError) -> Bool in
      guard let tables, isRouted(tables), HandoverPair.isWhole(tables.config.pointee),
        HandoverPair.isForwarding(.ipv4), try steeringHolds(tables)
      else { return false }
      do throws(NetlinkError) {
        return try IntakeRules(interface: tables.config.pointee.handover_ifindex).hold(intake)
      } catch {
        throw .system(doing: error.action, errno: error.code)
      }
    }
  }

  /// What every change of the rules changes, by whichever process; nil where there is no director.
  public func generation() throws(DirectorError) -> UInt32? {
    try locked { () throws(DirectorError) -> UInt32? in tables?.config.pointee.rules_generation }
  }

  /// What `attach` without names does for a director that is routed.
  func restoreRouted(_ tables: Tables) throws(DirectorError) {
    try upkeep(tables)
    try refreshDevices(tables)
    try steerAnew(tables)
    guard try routedIntake() != nil else { throw .intakeUnknown }
  }

  func isRouted(_ tables: Tables) -> Bool { tables.config.pointee.attach_mode == AttachMode.routed }

  /// Makes the routes again that went with the pair, and the rules' order right.
  func restoreIntake(_ tables: Tables) throws(DirectorError) {
    guard isRouted(tables), let standing = try routedIntake() else { return }
    try IntakeRules(interface: tables.config.pointee.handover_ifindex).apply(standing)
  }

  /// What somebody took away of a director's way to its packets, as sentences.
  func intakeWarnings(_ tables: Tables) throws(DirectorError) -> [String] {
    guard isRouted(tables) else { return [] }
    let rules = IntakeRules(interface: tables.config.pointee.handover_ifindex)
    guard let intake = try routedIntake() else {
      return [
        "Somebody deleted the routing rules by which services' packets come to the director ('ip rule'); whoever started "
          + "it must start it again."
      ]
    }
    if (try? rules.areComplete(intake)) != false { return [] }
    return [
      "Somebody deleted routing rules, or the route, by which services' packets come to the director ('ip rule'); "
        + "'svs attach' makes them again."
    ]
  }
}
