import DataplaneTypes

/// The sweep over the connection table that ends what has expired, a slice at a time.
public struct Sweep<P: Platform> {
  public let table: ConnectionTable<P>

  @inlinable @inline(__always) public init(_ platform: P) { table = ConnectionTable(platform) }

  /// Looks at one slot; true if it ended a connection.
  @inlinable @inline(__always)
  public func visit(_ slot: UInt32, now tick: UInt32) -> Bool {
    guard let c = table.platform.connections.find(slot) else { return false }
    let word = StateWord(bits: c.pointee.word)
    if word.isFree || word.isDead || !word.hasExpired(at: tick) { return false }
    return table.end(slot, c, word)
  }
}
