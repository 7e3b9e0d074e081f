import DataplaneTypes
import Glibc
import Netlink

/// A director that stands at the hand-over pair alone, beside the host's traffic, and is sent what is services' of it.
///
/// An XDP program on a veth takes segmentation offload from its peer, which costs everybody else on that device most of
/// their throughput. Where services are a small part of the traffic it is better to pick out what is theirs.
extension Director {
  /// Has services' packets diverted to the director instead of attaching it to interfaces, and makes it if there is none.
  ///
  /// Called again it changes what is diverted, and takes notice of new interfaces. The host must forward IPv4.
  /// `detach([])` ends it.
  ///
  /// - Parameter capacity: connections the table holds; nil leaves it as it is, or at its default.
  public func attachDiverting(_ traffic: DivertedTraffic, capacity: UInt32? = nil) throws(DirectorError) {
    try locked { () throws(DirectorError) in
      try checkCapacity(capacity)
      let isNew = self.tables == nil
      let tables = try establish(capacity: capacity ?? DirectorObject.defaultCapacity)
      if !isNew { try HandoverPair.restoreFilters(tables.config.pointee, from: folder.path) }
      let mode = tables.config.pointee.attach_mode
      do throws(DirectorError) {
        let wasDiverted = isDiverted(tables)
        tables.config.pointee.attach_mode = AttachMode.diverted
        if !wasDiverted {
          // Somebody attached it to interfaces.
          for name in PinFolder.entries(of: folder.pin("links")) where name != HandoverPair.inner {
            let path = folder.pin("links/" + name)
            if let link = try? PinnedLink(path: path) { link.detach() }
            unlink(path)
          }
          try refreshDevices(tables)
        }
        let isSteered = try steeringHolds(tables)
        if !wasDiverted || !isSteered { try steerAnew(tables) }
        try Diverter(tables).apply(traffic)
      } catch {
        if isNew {
          destroy()
        } else if mode != AttachMode.diverted {
          Diverter(tables).undo()
          tables.config.pointee.attach_mode = mode
          try? steerAnew(tables)
        }
        throw error
      }
    }
  }

  /// What is diverted to the director; nil where it is attached to interfaces, or is not there.
  public func divertedTraffic() throws(DirectorError) -> DivertedTraffic? {
    try locked { () throws(DirectorError) -> DivertedTraffic? in
      guard let tables, isDiverted(tables) else { return nil }
      return Diverter(tables).traffic
    }
  }

  /// Whether the director stands, and all is there by which this comes to it: devices, programs, the route and the address.
  public func diverts(_ traffic: DivertedTraffic) throws(DirectorError) -> Bool {
    try locked { () throws(DirectorError) -> Bool in
      guard let tables, isDiverted(tables), HandoverPair.isWhole(tables.config.pointee),
        HandoverPair.hasFilters(tables.config.pointee), HandoverPair.isForwarding(.ipv4), try steeringHolds(tables)
      else { return false }
      return try Diverter(tables).holds(traffic)
    }
  }

  /// Diverts at the ports of bridges that have come since, as pods' do; until then their packets are taken at the bridge.
  public func divertAtNewPorts() throws(DirectorError) {
    try locked { () throws(DirectorError) in
      if let tables, isDiverted(tables) { try Diverter(tables).applyToNewPorts() }
    }
  }

  /// What every change of the rules changes, by whichever process; nil where there is no director.
  public func generation() throws(DirectorError) -> UInt32? {
    try locked { () throws(DirectorError) -> UInt32? in tables?.config.pointee.rules_generation }
  }

  /// What `attach` without names does for a director that is sent its packets.
  func restoreDiverted(_ tables: Tables) throws(DirectorError) {
    try upkeep(tables)
    try HandoverPair.restoreFilters(tables.config.pointee, from: folder.path)
    try refreshDevices(tables)
    try steerAnew(tables)
  }

  func isDiverted(_ tables: Tables) -> Bool { tables.config.pointee.attach_mode == AttachMode.diverted }

  /// Makes again what went with the pair, or was taken away.
  func restoreDiversion(_ tables: Tables) throws(DirectorError) {
    guard isDiverted(tables) else { return }
    let diverter = Diverter(tables)
    if let traffic = diverter.traffic { try diverter.apply(traffic) }
  }

  /// What somebody took away of a director's way to its packets, as sentences.
  func diversionWarnings(_ tables: Tables) throws(DirectorError) -> [String] {
    guard isDiverted(tables) else { return [] }
    let diverter = Diverter(tables)
    guard let traffic = diverter.traffic else {
      return ["Nothing is diverted to this director: whoever started it did not finish, and must start it again."]
    }
    if (try? diverter.holds(traffic)) != false { return [] }
    return [
      "Somebody deleted the program at an interface, the route or the address by which services' packets come to the "
        + "director ('bpftool net', 'tc filter', 'ip route', 'ip address'), or an interface is new; 'svs attach' makes them again."
    ]
  }
}
