import DataplaneTypes
import Glibc
import Netlink

/// The sync daemons' settings: kept and listed. No connection is sent or taken yet.
extension Director {
  public func syncDaemons() throws(DirectorError) -> [SyncDaemon] {
    try locked { () throws(DirectorError) in
      guard let state = tables?.operatorState[0] else { return [] }
      return [state.pointee.master.daemon(.master), state.pointee.backup.daemon(.backup)].compactMap { $0 }
    }
  }

  public func startSyncDaemon(_ daemon: SyncDaemon) throws(DirectorError) {
    try locked { () throws(DirectorError) in
      if let state = tables?.operatorState[0], state.pointee[daemon.role].running != 0 { throw .syncDaemonRunning }
      guard if_nametoindex(daemon.interface) != 0 else { throw .noSuchInterface(daemon.interface) }
      let state = try establish().operatorState[0]
      state.pointee[daemon.role] = svs_sync_daemon(daemon, mtu: Self.mtu(of: daemon.interface))
    }
  }

  public func stopSyncDaemon(_ role: SyncDaemon.Role) throws(DirectorError) {
    try locked { () throws(DirectorError) in
      guard let state = tables?.operatorState[0], state.pointee[role].running != 0 else { throw .noSyncDaemon }
      state.pointee[role] = svs_sync_daemon()
    }
  }

  /// Whether a daemon runs; to be called inside the lock.
  var hasSyncDaemon: Bool {
    guard let state = tables?.operatorState[0] else { return false }
    return state.pointee.master.running != 0 || state.pointee.backup.running != 0
  }

  private static func mtu(of interface: String) -> UInt32 {
    let interfaces = (try? NetlinkSocket().interfaces()) ?? []
    return interfaces.first { $0.name == interface }?.mtu ?? 1500
  }
}

extension svs_operator {
  fileprivate subscript(role: SyncDaemon.Role) -> svs_sync_daemon {
    get { role == .master ? master : backup }
    set {
      switch role {
      case .master: master = newValue
      case .backup: backup = newValue
      }
    }
  }
}

extension svs_sync_daemon {
  /// What was not given gets IPVS's defaults: 224.0.0.81, port 8848, TTL 1, and messages of at most one packet.
  ///
  /// A master never assumes more than Ethernet's MTU; a backup takes what its interface does.
  fileprivate init(_ daemon: SyncDaemon, mtu: UInt32) {
    self.init()
    let group = daemon.group ?? IPAddress(family: .ipv4, words: (UInt32(0xe000_0051).bigEndian, 0, 0, 0))
    self.group = svs_addr(group)
    family = group.family.rawValue
    port = daemon.port == 0 ? 8848 : daemon.port
    ttl = daemon.ttl == 0 ? 1 : daemon.ttl
    sync_id = daemon.syncID
    // The headers of IP and UDP.
    let headers: UInt32 = group.family == .ipv6 ? 48 : 28
    let room = (daemon.role == .backup ? min(max(mtu, 1500), 65535) : 1500) - headers
    let least: UInt32 = daemon.role == .backup ? 1024 : 1
    let length = daemon.maximumLength == 0 ? room : min(max(UInt32(daemon.maximumLength), least), 65535 - headers)
    maximum_length = UInt16(length)
    withUnsafeMutableBytes(of: &interface) { bytes in
      // Names of interfaces are shorter than 16 bytes; the last stays 0.
      for (i, byte) in daemon.interface.utf8.prefix(bytes.count - 1).enumerated() { bytes[i] = byte }
    }
    running = 1
  }

  fileprivate func daemon(_ role: SyncDaemon.Role) -> SyncDaemon? {
    guard running != 0 else { return nil }
    let name = withUnsafeBytes(of: interface) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    return SyncDaemon(
      role: role, interface: name, syncID: sync_id, maximumLength: maximum_length, group: group.address(family),
      port: port, ttl: ttl)
  }
}
