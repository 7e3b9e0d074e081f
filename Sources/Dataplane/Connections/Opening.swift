import DataplaneTypes

/// A packet that belongs to no connection: does it open one, and to which server?
extension PacketPath {
  /// Finds the service that the packet is for, if it may open a connection.
  @inlinable @inline(__always)
  public func open(_ packet: inout Packet, _ p: UnsafeMutablePointer<Passage>) -> Step {
    let frame = p.parsedFrame
    guard let config = platform.configuration.find(0) else { return .pass }
    var stamp = Stamp()
    if platform.ingress == config.pointee.lookup_ifindex {
      stamp.read(packet)
      if !stamp.isValid { return .pass }
    } else {
      // A mark beats an address and port: the kernel's own rules are asked first, and send the packet back by svs1.
      let marks = frame.pointee.flow.family == Family.ipv4 ? config.pointee.marks4 : config.pointee.marks6
      if marks != 0 { return .pass }
    }
    if p.pointee.hasFlow { endReopened(frame, config) }
    var index: UInt32 = 0
    guard let service = service(frame.flow, stamp.mark, config, &index) else {
      return stamp.isValid && Diversion.isVirtual(frame.pointee.flow, config)
        ? answering(.portUnreachable, .noService, p) : .pass
    }
    if frame.pointee.flow.proto == IPProtocol.tcp {
      // As in IPVS, what comes from FTP's data port opens nothing: it belongs to a connection that the server opens.
      let ftpData = UInt16(20).bigEndian
      let opens = frame.pointee.flags.contains(.syn) || config.pointee.sloppy_tcp != 0
      if !opens || frame.pointee.flags.contains(.rst) || frame.pointee.flow.sport == ftpData {
        return leaving(.pass, .notSYN)
      }
    }
    if frame.pointee.flow.proto == IPProtocol.sctp, !frame.pointee.flags.contains(.syn),
      config.pointee.sloppy_sctp == 0 || frame.pointee.chunk == SCTPChunk.abort
    {
      return leaving(.pass, .notSYN)
    }
    p.pointee.service = index
    p.pointee.control = 0
    p.pointee.isOwn = stamp.isOwn
    // As with IPVS, whose services by mark see only what is for this host.
    if service.pointee.key.proto == 0, stamp.isForwarded, !platform.isReachable(frame.flow, mark: stamp.mark) {
      return .pass
    }
    if stamp.isForwarded, !rejuvenate(packet, p) { return .drop }
    if service.pointee.persistence != 0 { return .persist }
    // Only persistence makes FTP's service take other ports.
    let port = service.pointee.key.port
    if service.pointee.key.proto != 0, port != 0, port != frame.pointee.flow.dport { return .pass }
    return .schedule
  }

  /// Looks for the template of the packet's client.
  @inlinable @inline(__always)
  public func persist(_ packet: inout Packet, _ p: UnsafeMutablePointer<Passage>) -> Step {
    let frame = p.parsedFrame
    let table = ConnectionTable(platform)
    guard let config = platform.configuration.find(0), let service = platform.serviceRecords.find(p.pointee.service)
    else { return .pass }
    p.pointee.hasCall = false
    if service.pointee.engine != 0, frame.pointee.flow.proto == IPProtocol.udp {
      let payload = frame.pointee.transport &+ 8
      var call = svs_addr.zero
      p.pointee.hasCall = platform.callID(
        packet, from: payload, length: Int(frame.pointee.length) &- (payload &- frame.pointee.network), into: &call)
      p.pointee.call = call
    }
    let key = templateKey(p, service)
    if let found = platform.flows.find(key), let template = connection(FlowReference(found.pointee)) {
      let reference = FlowReference(found.pointee)
      if let server = platform.servers.find(template.pointee.server), server.pointee.status == UInt32(SVS_LIVE),
        server.pointee.service == p.pointee.service,
        config.pointee.expire_quiescent_template == 0 || server.pointee.weight != 0
      {
        p.pointee.template = reference
        p.pointee.control = reference.slot &+ 1
        p.pointee.choice = template.pointee.server &+ 1
        return .enter
      }
      table.invalidate(template, key)
    }
    return .schedule
  }

  /// Lets the scheduler pick a server.
  @inlinable @inline(__always)
  public func schedule(_ p: UnsafeMutablePointer<Passage>) -> Step {
    guard let service = platform.serviceRecords.find(p.pointee.service) else { return .pass }
    p.pointee.choice = Schedulers.pick(service, p.parsedFrame.pointee.flow, platform)
    return service.pointee.persistence == 0 ? .enter : .keep
  }

  /// Makes the template by which the packet's client keeps the server that was picked; or takes the one that another of
  /// the client's packets has just made on another CPU.
  @inlinable @inline(__always)
  public func keep(_ p: UnsafeMutablePointer<Passage>) -> Step {
    let frame = p.parsedFrame
    let table = ConnectionTable(platform)
    let choice = p.pointee.choice
    guard let config = platform.configuration.find(0), let service = platform.serviceRecords.find(p.pointee.service)
    else { return .pass }
    guard choice != 0, let server = platform.servers.find(choice &- 1) else { return .enter }
    let port = ConnectionTable<P>.isForOnePort(frame.flow, service) ? server.pointee.port : 0
    let key = templateKey(p, service)
    var reference = FlowReference.none
    let creation = table.createTemplate(
      key, Destination(choice &- 1, server, port: port), timeout: table.persistence(service), config,
      now: p.pointee.tick, &reference)
    switch creation {
    case .created:
      if p.pointee.hasCall { table.note(client: frame.flow, service, at: reference) }
    case .exists:
      guard let found = platform.flows.find(key), let template = connection(FlowReference(found.pointee)) else {
        return leaving(.drop, .contention)
      }
      reference = FlowReference(found.pointee)
      p.pointee.choice = template.pointee.server &+ 1
    default: return leaving(.drop, event(of: creation))
    }
    p.pointee.template = reference
    p.pointee.control = reference.slot &+ 1
    return .enter
  }

  /// Enters a connection to the server that was chosen, under its client's template where there is one.
  @inlinable @inline(__always)
  public func enter(_ p: UnsafeMutablePointer<Passage>) -> Step {
    let frame = p.parsedFrame
    let table = ConnectionTable(platform)
    let tick = p.pointee.tick
    let choice = p.pointee.choice
    guard let config = platform.configuration.find(0), let service = platform.serviceRecords.find(p.pointee.service)
    else { return .pass }
    // Before the server is looked at: a change that comes later is noticed with the connection's next packet.
    let rules = config.pointee.rules_generation
    guard choice != 0, let server = platform.servers.find(choice &- 1), server.pointee.status == UInt32(SVS_LIVE),
      server.pointee.service == p.pointee.service
    else { return answering(.portUnreachable, .noServer, p) }
    // Where one template serves all ports, connections keep theirs.
    let dport = frame.pointee.flow.dport
    let keepsPort =
      server.pointee.port == 0 || service.pointee.persistence != 0 && dport != service.pointee.key.port
    let destination = Destination(choice &- 1, server, port: keepsPort ? dport : server.pointee.port)
    let control = p.pointee.control
    if control != 0, !table.hold(p.pointee.template, now: tick) { return leaving(.drop, .contention) }
    // Replies of FULLNAT need a connection to find their client.
    if service.pointee.one_packet != 0, server.pointee.method != Method.fullNAT,
      frame.pointee.flow.proto == IPProtocol.udp
    {
      table.release(control)
      guard let reference = table.createForOnePacket(frame.flow, destination, config, rules: rules) else {
        return leaving(.drop, .tableFull)
      }
      p.pointee.reference = reference
      return entered(.created, p)
    }
    var reference = FlowReference.none
    guard
      let c = table.prepare(
        frame, destination, config, rules: rules, control: control, isOwn: p.pointee.isOwn, now: tick, &reference)
    else { return entered(.tableFull, p) }
    p.pointee.reference = reference
    if server.pointee.method == Method.fullNAT { return .lease }
    return entered(table.publish(frame.flow, c, server, reference), p)
  }

  /// Takes a local address and port for a FULLNAT connection, and enters it.
  @inlinable @inline(__always)
  public func lease(_ p: UnsafeMutablePointer<Passage>) -> Step {
    let table = ConnectionTable(platform)
    let reference = p.pointee.reference
    guard let c = platform.connections.find(reference.slot), let server = platform.servers.find(c.pointee.server)
    else { return .drop }
    // None in the server's pool, and the director has no address on the way to it either.
    if server.pointee.local == 0 {
      table.discard(reference.slot, c)
      table.release(p.pointee.control)
      return answering(.hostUnreachable, .noRoute, p)
    }
    // First: the client's next packet may come by another CPU as soon as the client's flow is known.
    let outcome = table.lease(c, server, reference, now: p.pointee.tick)
    if outcome != .leased {
      table.discard(reference.slot, c)
      return entered(outcome == .exhausted ? .noLocalPort : .noMemory, p)
    }
    // As long as no other CPU sees the connection.
    let isRouted = takeWay(c, server, p)
    let step = entered(table.publish(p.parsedFrame.flow, c, server, reference), p)
    return step == .route && isRouted ? next(c) : step
  }

  /// Goes on with a packet whose connection was made, or was not.
  @inlinable @inline(__always)
  func entered(_ creation: Creation, _ p: UnsafeMutablePointer<Passage>) -> Step {
    if creation != .created {
      ConnectionTable(platform).release(p.pointee.control)
      if creation == .noLocalPort { return answering(.portUnreachable, .noLocalPort, p) }
      return leaving(.drop, event(of: creation))
    }
    let server = p.pointee.choice &- 1
    if let counters = platform.serverCounters.find(server) { counters.pointee.connections &+= 1 }
    count(server, p.parsedFrame, false)
    return .route
  }

  @inlinable @inline(__always)
  func templateKey(
    _ p: UnsafeMutablePointer<Passage>, _ service: UnsafeMutablePointer<svs_service>
  ) -> svs_flow_key {
    var key = ConnectionTable<P>.templateKey(p.parsedFrame.flow, service)
    if p.pointee.hasCall {
      key.src = p.pointee.call
      key.kind = ConnectionTable<P>.callKind(key.proto, key.family)
    }
    return key
  }

  @inlinable @inline(__always)
  func event(of creation: Creation) -> Event {
    switch creation {
    case .created, .exists: .contention
    case .tableFull: .tableFull
    case .noMemory: .noMemory
    case .noLocalPort: .noLocalPort
    }
  }

  /// The service that a packet is for: by its mark, by its address and port, by FTP's rule, or for all ports.
  @inlinable @inline(__always)
  func service(
    _ flow: UnsafePointer<svs_flow_key>, _ mark: UInt32, _ config: UnsafeMutablePointer<svs_config>,
    _ index: inout UInt32
  ) -> UnsafeMutablePointer<svs_service>? {
    let family = flow.pointee.family
    if mark != 0,
      let service = service(
        svs_service_key(vip: svs_addr(ipv4: mark), port: 0, proto: 0, family: family), &index)
    {
      return service
    }
    var key = svs_service_key(
      vip: flow.pointee.dst, port: flow.pointee.dport, proto: flow.pointee.proto, family: family)
    if let service = service(key, &index) { return service }
    let features = config.pointee.features
    if features == 0 { return nil }
    if features & UInt32(SVS_HAS_FTP) != 0, key.proto == IPProtocol.tcp {
      // Passive data connections go to ports that no privileged service has.
      let port = UInt16(bigEndian: key.port)
      if port == 20 || port >= 1024 {
        key.port = UInt16(21).bigEndian
        if let service = service(key, &index) { return service }
      }
    }
    if features & UInt32(SVS_HAS_PORT_ZERO) != 0 {
      key.port = 0
      return service(key, &index)
    }
    return nil
  }

  @inlinable @inline(__always)
  func service(_ key: svs_service_key, _ index: inout UInt32) -> UnsafeMutablePointer<svs_service>? {
    guard let found = platform.services.find(key) else { return nil }
    // A command that was killed may have left an index entry whose record serves another service by now.
    guard let service = platform.serviceRecords.find(found.pointee), service.pointee.status == UInt32(SVS_LIVE),
      service.pointee.key.vip == key.vip, service.pointee.key.port == key.port,
      service.pointee.key.proto == key.proto, service.pointee.key.family == key.family
    else { return nil }
    index = found.pointee
    return service
  }

  /// Ends the connection that the packet's flow has, if it makes way for a new one.
  @inlinable @inline(__always)
  func endReopened(_ frame: UnsafePointer<Frame>, _ config: UnsafeMutablePointer<svs_config>) {
    guard let found = platform.flows.find(at: frame.flow) else { return }
    let old = FlowReference(found.pointee)
    guard let c = platform.connections.find(old.slot) else { return }
    let word = StateWord(bits: c.pointee.word)
    guard word.generation == old.generation, !word.isDead else { return }
    let isReopened =
      frame.pointee.flags.contains(.syn) && reopens(old, c, word, config)
    if isReopened || !serverStands(c, old, config) { _ = ConnectionTable(platform).end(old.slot, c, word) }
  }
}
