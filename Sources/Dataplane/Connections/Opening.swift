import DataplaneTypes

extension PacketPath {
  /// Opens a connection where the packet is one that opens, to a service of ours.
  @inlinable @inline(__always)
  public func open(_ p: UnsafeMutablePointer<Passage>) -> Step {
    let frame = p.parsedFrame
    let tick = p.pointee.tick
    guard let config = platform.configuration.find(0) else { return .pass }
    let rules = config.pointee.rules_generation
    endReopened(frame)
    let key = svs_service_key(
      vip: frame.pointee.flow.dst, port: frame.pointee.flow.dport, proto: frame.pointee.flow.proto,
      family: frame.pointee.flow.family)
    guard let found = platform.services.find(key) else { return .pass }
    let index = found.pointee
    // A command that was killed may have left an index entry whose record serves another service by now.
    guard let service = platform.serviceRecords.find(index), service.pointee.status == UInt32(SVS_LIVE),
      service.pointee.key.vip == key.vip, service.pointee.key.port == key.port, service.pointee.key.proto == key.proto
    else { return .pass }
    if frame.pointee.flow.proto == IPProtocol.tcp {
      // As in IPVS, what comes from FTP's data port opens nothing: it belongs to a connection that the server opens.
      let ftpData = UInt16(20).bigEndian
      if !frame.pointee.flags.contains(.syn) || frame.pointee.flags.contains(.rst)
        || frame.pointee.flow.sport == ftpData
      {
        return leaving(.pass, .notSYN)
      }
    }
    let choice = Schedulers.pick(service, frame.pointee.flow, platform)
    guard choice != 0, let server = platform.servers.find(choice &- 1),
      server.pointee.status == UInt32(SVS_LIVE), server.pointee.service == index
    else { return answering(.portUnreachable, .noServer, p) }

    var reference = FlowReference.none
    let creation = ConnectionTable(platform).create(
      frame, index, choice &- 1, server, config, rules: rules, now: tick, &reference)
    switch creation {
    case .created: break
    case .exists: return leaving(.drop, .contention)
    case .tableFull: return leaving(.drop, .tableFull)
    case .noMemory: return leaving(.drop, .noMemory)
    }
    p.pointee.reference = reference
    if let counters = platform.serverCounters.find(choice &- 1) { counters.pointee.connections &+= 1 }
    count(choice &- 1, frame, false)
    return .route
  }

  /// Ends the connection that the packet's flow had, if its client has opened a new one.
  @inlinable @inline(__always)
  func endReopened(_ frame: UnsafePointer<Frame>) {
    guard let found = platform.flows.find(at: frame.flow) else { return }
    let old = FlowReference(found.pointee)
    guard let c = platform.connections.find(old.slot) else { return }
    let word = StateWord(bits: c.pointee.word)
    if word.generation == old.generation, !word.isDead, reopens(frame, old, word) {
      _ = ConnectionTable(platform).end(old.slot, c, word)
    }
  }
}
