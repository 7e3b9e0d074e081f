import Dataplane
import DataplaneTypes
import Netlink

/// Keeps the kernel's routing rules in line with the services.
extension Director {
  /// Called after a service has become live, or is no more. In a sitting what can wait does.
  func steer(_ key: svs_service_key, isLive: Bool, _ tables: Tables) throws(DirectorError) {
    guard let family = IPAddress.Family(rawValue: key.family) else { return }
    if isSimulated { return try countMarks(tables) }
    if key.proto != 0, isDiverted(tables) { return }
    let vip = key.vip.address(key.family)
    if key.proto != 0, isLive {
      if !ledger.steeredVIPs.contains(vip) {
        try Steering(family: family, interface: tables.config.pointee.handover_ifindex).add(vip)
        ledger.steeredVIPs.insert(vip)
      }
      // What holds for another service may hold for this one too.
      if let steered = ledger.steered[family], steered.hasVIPs, steered.ports.covers(key) { return }
    }
    let leaving: Set<IPAddress> = key.proto != 0 && !isLive ? [vip] : []
    // Whether marks can be steered at all shows with the first one.
    let isFirstMark = key.proto == 0 && isLive && ledger.steered[family]?.marks.isEmpty != false
    guard isSitting, !isFirstMark else { return try steer([family], leaving: leaving, tables) }
    backlog.families.insert(family)
    backlog.leftVIPs.formUnion(leaving)
    postpone(tables)
  }

  /// Brings rules and routes of some families in line with the services that there are.
  ///
  /// - Parameter vips: those that services have left; others may still have them.
  func steer(
    _ families: Set<IPAddress.Family>, leaving vips: Set<IPAddress>, _ tables: Tables
  ) throws(DirectorError) {
    var left = vips
    if !left.isEmpty {
      try eachService(tables) { key in
        if key.proto != 0 { left.remove(key.vip.address(key.family)) }
      }
    }
    for family in families {
      let steering = Steering(family: family, interface: tables.config.pointee.handover_ifindex)
      for vip in left where vip.family == family {
        steering.remove(vip)
        ledger.steeredVIPs.remove(vip)
      }
      try steer(steering, tables)
    }
  }

  /// Called before a service gets its first server: what this host sends to the VIP leaves with the address that it
  /// has for this server. Left to itself it may choose the VIP, which a server of DR takes for its own.
  func preferSource(of service: svs_service_key, towards server: IPAddress, _ tables: Tables) {
    guard !isSimulated, !isDiverted(tables), service.proto != 0,
      let family = IPAddress.Family(rawValue: service.family),
      server.family == family
    else {
      return
    }
    Steering(family: family, interface: tables.config.pointee.handover_ifindex)
      .prefer(addressTowards: server, for: service.vip.address(service.family))
  }

  /// Called after a server has been changed: replies of a server under NAT on this very host have to find back here. In
  /// a sitting that waits for its end.
  ///
  /// - Parameter wasLocal: whether the server was one before.
  func steerReplies(
    of server: UnsafeMutablePointer<svs_server>, wasLocal: Bool = false, _ tables: Tables
  ) throws(DirectorError) {
    guard !isSimulated, server.isLocal || wasLocal, let family = IPAddress.Family(rawValue: server.pointee.family)
    else { return }
    if server.isLocal { tables.config.pointee.features |= UInt32(SVS_HAS_LOCAL) }
    guard isSitting else { return try steer([family], leaving: [], tables) }
    backlog.families.insert(family)
    postpone(tables)
  }

  /// The sockets of this host that are servers under NAT, or were and still have connections.
  private func localServers(
    _ family: IPAddress.Family, _ tables: Tables
  ) throws(DirectorError) -> Set<Steering.LocalServer> {
    var locals: Set<Steering.LocalServer> = []
    if tables.config.pointee.features & UInt32(SVS_HAS_LOCAL) == 0 { return locals }
    for index in 0..<tables.config.pointee.servers_used {
      let server = try tables.servers.record(index)
      guard server.pointee.status == SVS_LIVE || server.pointee.status == SVS_REMOVED && server.isDraining,
        server.pointee.family == family.rawValue, server.isLocal
      else { continue }
      let endpoint = server.endpoint
      let protocols =
        server.pointee.home.proto == 0
        ? [TransportProtocol.tcp, .udp, .sctp].map(\.rawValue)
        : [server.pointee.home.proto]
      for proto in protocols {
        locals.insert(Steering.LocalServer(address: endpoint.address, proto: proto, port: endpoint.port))
      }
    }
    return locals
  }

  /// Brings all rules and routes in line with the services, whatever there is.
  func steerAnew(_ tables: Tables) throws(DirectorError) {
    ledger.steered = [:]
    ledger.steeredVIPs = []
    for family in [IPAddress.Family.ipv4, .ipv6] {
      let steering = Steering(family: family, interface: tables.config.pointee.handover_ifindex)
      for index in 0..<tables.config.pointee.services_used {
        let record = try tables.services.record(index)
        let key = record.pointee.key
        guard record.pointee.status == SVS_LIVE, key.proto != 0, key.family == family.rawValue, !isDiverted(tables)
        else { continue }
        try steering.add(key.vip.address(key.family))
        if record.pointee.first != 0 {
          let server = try tables.servers.record(record.pointee.first - 1).endpoint.address
          preferSource(of: key, towards: server, tables)
        }
      }
      try steer(steering, tables)
    }
    try restoreDiversion(tables)
  }

  /// Brings the rules of a family in line with the services that there are.
  ///
  /// Where there are marks the packet path leaves to the kernel what opens a connection: it is told so after the rules
  /// are there, and of the contrary before they go.
  private func steer(
    _ steering: Steering, _ tables: Tables
  ) throws(DirectorError) {
    let four = steering.family == .ipv4
    let config = tables.config
    let known = four ? config.pointee.marks4 : config.pointee.marks6
    let (wish, _) = try wish(steering.family, tables)
    let marks = UInt32(wish.marks.count)
    func tell() { if four { config.pointee.marks4 = marks } else { config.pointee.marks6 = marks } }
    if marks < known { tell() }
    if ledger.steered[steering.family] != wish {
      let flag = UInt32(four ? SVS_ROUTED_4 : SVS_ROUTED_6)
      if try steering.apply(wish) {
        config.pointee.routed_marks |= flag
      } else {
        config.pointee.routed_marks &= ~flag
      }
      let forwarding = MarkForwarding(family: steering.family)
      if wish.marks.isEmpty { forwarding.end() } else { forwarding.begin(attachedInterfaces()) }
      ledger.steered[steering.family] = wish
    }
    tell()
  }

  /// What is to be steered of a family, and the VIPs of its services.
  private func wish(
    _ family: IPAddress.Family, _ tables: Tables
  ) throws(DirectorError) -> (Steering.Wish, vips: Set<IPAddress>) {
    var wish = Steering.Wish()
    var others: [svs_service_key] = []
    try eachService(tables) { key in
      guard key.family == family.rawValue else { return }
      if key.proto == 0 { wish.marks.insert(key.vip.w0) } else { others.append(key) }
    }
    if isDiverted(tables) {
      wish.locals = try localServers(family, tables)
      return (wish, [])
    }
    wish.ports = SteeredPorts(of: others)
    wish.locals = try localServers(family, tables)
    let services = family == .ipv4 ? tables.config.pointee.services4 : tables.config.pointee.services6
    wish.hasVIPs = services > UInt32(wish.marks.count)
    return (wish, Set(others.map { $0.vip.address($0.family) }))
  }

  /// Whether the rules and routes are there that a diverted director needs beside what diverts its packets.
  func steeringHolds(_ tables: Tables) throws(DirectorError) -> Bool {
    for family in [IPAddress.Family.ipv4, .ipv6] {
      let (wish, vips) = try wish(family, tables)
      let steering = Steering(family: family, interface: tables.config.pointee.handover_ifindex)
      // What cannot be asked for is taken to be.
      if (try? steering.holds(wish, vips)) == false { return false }
    }
    return true
  }

  /// What became of the way by the kernel's rules that is not ours to see as it happens, for `status`.
  func steeringWarnings(_ tables: Tables) throws(DirectorError) -> [String] {
    var warnings = try diversionWarnings(tables)
    if HandoverPair.exists(tables.config.pointee), !HandoverPair.hasFilters(tables.config.pointee) {
      warnings.append(
        "Somebody took the director's filter off \(HandoverPair.outer) or \(HandoverPair.inner) ('tc qdisc', 'tc filter'); "
          + "'svs attach' puts it back.")
    }
    for family in [IPAddress.Family.ipv4, .ipv6] {
      let (wish, vips) = try wish(family, tables)
      let steering = Steering(family: family, interface: tables.config.pointee.handover_ifindex)
      // A kernel without policy routing has nothing to lose.
      if let holds = try? steering.holds(wish, vips), !holds {
        let what =
          wish.marks.isEmpty ? "what this host itself sends to a service" : "packets for services by firewall mark"
        let command = family == .ipv4 ? "ip rule" : "ip -6 rule"
        warnings.append(
          "Somebody deleted routing rules or routes of the director's ('\(command)', \(what)): such packets do not reach "
            + "it. 'svs attach' makes them again.")
      }
      if !wish.marks.isEmpty,
        let chain = (try? NetlinkSocket(.netfilter).droppingForwardChains())?
          .first(where: { $0.sees(family) && !$0.mayAccept(HandoverPair.outer) })
      {
        warnings.append(
          "The chain \(chain.name) of the table \(chain.table) drops what no rule accepts, and no rule names "
            + "\(HandoverPair.outer): packets with marks may be lost on their way to it. Accept "
            + "'-o \(HandoverPair.outer)' there.")
      }
    }
    return warnings
  }

  /// All that is to be told of marks where there is no kernel.
  private func countMarks(_ tables: Tables) throws(DirectorError) {
    var (four, six) = (UInt32(0), UInt32(0))
    try eachService(tables) { key in
      if key.proto != 0 { return }
      if key.family == IPAddress.Family.ipv4.rawValue { four += 1 } else { six += 1 }
    }
    tables.config.pointee.marks4 = four
    tables.config.pointee.marks6 = six
  }

  private func attachedInterfaces() -> [String] {
    guard let interfaces = try? NetlinkSocket().interfaces() else { return [] }
    let attached = Set(PinFolder.entries(of: folder.pin("links")))
    return interfaces.filter { attached.contains(String($0.index)) }.map(\.name)
  }

  private func eachService(_ tables: Tables, _ body: (svs_service_key) -> Void) throws(DirectorError) {
    for index in 0..<tables.config.pointee.services_used {
      let record = try tables.services.record(index)
      if record.pointee.status == SVS_LIVE { body(record.pointee.key) }
    }
  }
}

extension UnsafeMutablePointer where Pointee == svs_server {
  /// Whether it is a socket of this host, under NAT.
  var isLocal: Bool { pointee.method == Dataplane.Method.nat && !pointee.tunnel_source.isZero }
}
