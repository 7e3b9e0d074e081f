import DataplaneTypes

/// A service's hash table of servers: one record of 256 buckets, or several that stand side by side.
///
/// A bucket holds index + 1 of a server, 0 where there is none.
@usableFromInline
enum HashTableOfServers {
  /// What a bucket holds; `table` is the first record's index + 1.
  @inlinable @inline(__always)
  static func server<P: Platform>(_ platform: P, _ table: UInt32, _ bucket: UInt32) -> UInt32 {
    guard table != 0, let record = platform.hashTables.find(table &- 1 &+ bucket / UInt32(SVS_TABLE_BUCKETS)) else {
      return 0
    }
    let buckets = UnsafeMutableRawPointer(record).assumingMemoryBound(to: UInt32.self)
    return buckets[Int(bucket % UInt32(SVS_TABLE_BUCKETS))]
  }

  /// The golden-ratio hash that IPVS uses, to 8 bits.
  @inlinable @inline(__always)
  static func goldenRatio(_ key: UInt32) -> UInt32 { (key &* 0x61c8_8647) >> 24 }

  /// What sh and mh make of a client: its address's words folded, and with the flag its port too.
  @inlinable @inline(__always)
  static func client(_ flow: svs_flow_key, withPort: Bool) -> UInt32 {
    UInt32(bigEndian: flow.src.fold) &+ (withPort ? UInt32(UInt16(bigEndian: flow.sport)) : 0)
  }
}

/// The bits of `-b`, as ip_vs(8)'s flags are numbered.
@usableFromInline
enum SchedulerFlag {
  /// sh-fallback, mh-fallback: a client whose server takes no connections goes to another.
  @inlinable static var fallback: UInt8 { 1 }
  /// sh-port, mh-port: the client's port counts.
  @inlinable static var port: UInt8 { 2 }
}
