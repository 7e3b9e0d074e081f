import DataplaneTypes

/// The sweep over the connection table that ends what has expired, a slice at a time.
public struct Sweep<P: Platform> {
  public let table: ConnectionTable<P>

  @inlinable @inline(__always) public init(_ platform: P) { table = ConnectionTable(platform) }

  /// Looks at one slot; true if it ended a connection.
  @inlinable @inline(__always)
  public func visit(_ slot: UInt32, _ config: UnsafeMutablePointer<svs_config>, now tick: UInt32) -> Bool {
    guard let c = table.platform.connections.find(slot) else { return false }
    let word = StateWord(bits: c.pointee.word)
    if word.isFree || word.isDead { return false }
    if !word.hasExpired(at: tick) {
      guard config.pointee.expire_nodest_conn != 0, hasNoServer(c, config) else { return false }
      if c.pointee.method == Method.template, c.pointee.control != 0 || table.wasHeld(c, word, now: tick) {
        return false
      }
      return table.end(slot, c, word)
    }
    if table.renew(c, word, now: tick) { return false }
    return table.end(slot, c, word)
  }

  /// Whether the entry's server was removed.
  @inlinable @inline(__always)
  func hasNoServer(
    _ c: UnsafeMutablePointer<svs_connection>, _ config: UnsafeMutablePointer<svs_config>
  ) -> Bool {
    if c.pointee.method != Method.template, c.pointee.rules == config.pointee.rules_generation { return false }
    guard let server = table.platform.servers.find(c.pointee.server) else { return true }
    return server.pointee.status != UInt32(SVS_LIVE)
  }
}
