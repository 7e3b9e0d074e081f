import DataplaneTypes
import Netlink

/// Keeps the kernel's routing rules in line with the services.
extension Director {
  /// Called after a service has become live, or is no more.
  func steer(_ key: svs_service_key, isLive: Bool, _ tables: Tables) throws(DirectorError) {
    guard !isSimulated, let family = IPAddress.Family(rawValue: key.family) else { return }
    let steering = Steering(family: family, interface: tables.config.pointee.handover_ifindex)
    if key.proto != 0 {
      let vip = key.vip.address(key.family)
      if isLive {
        try steering.add(vip)
      } else if try !hasService(at: key, tables) {
        steering.remove(vip)
      }
    }
    try steer(steering, tables)
  }

  /// Brings the rules of a family in line with the services that there are.
  func steer(_ steering: Steering, _ tables: Tables) throws(DirectorError) {
    let family = steering.family
    let config = tables.config
    let services = family == .ipv4 ? config.pointee.services4 : config.pointee.services6
    let marks = family == .ipv4 ? config.pointee.marks4 : config.pointee.marks6
    var wish = Steering.Wish()
    if marks != 0 {
      try eachService(tables) { key in
        if key.proto == 0, key.family == family.rawValue { wish.marks.insert(key.vip.w0) }
      }
    }
    wish.hasVIPs = services > marks
    if ledger.steered[family] == wish { return }
    try steering.apply(wish)
    if marks != 0 { letAttachedForward() }
    ledger.steered[family] = wish
  }

  /// Marked packets are routed from the interfaces they come in by to svs0.
  func letAttachedForward() {
    guard let interfaces = try? NetlinkSocket().interfaces() else { return }
    let attached = Set(PinFolder.entries(of: folder.pin("links")))
    for interface in interfaces where attached.contains(String(interface.index)) {
      Steering.letForward(interface.name)
    }
  }

  private func hasService(at key: svs_service_key, _ tables: Tables) throws(DirectorError) -> Bool {
    var found = false
    let vip = key.vip.address(key.family)
    try eachService(tables) { other in
      if other.proto != 0, other.family == key.family, other.vip.address(key.family) == vip { found = true }
    }
    return found
  }

  private func eachService(_ tables: Tables, _ body: (svs_service_key) -> Void) throws(DirectorError) {
    for index in 0..<tables.config.pointee.services_used {
      let record = try tables.services.record(index)
      if record.pointee.status == SVS_LIVE { body(record.pointee.key) }
    }
  }
}
