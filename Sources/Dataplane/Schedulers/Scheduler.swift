import DataplaneTypes

/// The algorithm that picks a real server for a new connection.
///
/// The packet path calls `pick`; user space calls `rulesChanged` after changes of the service's servers.
/// A scheduler that looks along the servers does it by a `ServerWalk`, and says in `consider` and `wrapped` what it
/// looks for. Servers are named by index + 1; 0 is none.
public protocol Scheduler {
  /// What stands in a service's record.
  static var number: UInt8 { get }
  /// What `ipvsadm -s` takes.
  static var name: StaticString { get }
  /// Records of 256 buckets that its hash table takes: a power of two, at most 64; 0 without a table.
  static var tableRecords: UInt32 { get }

  /// The server for a new connection, or 0.
  static func pick<P: Platform>(
    _ service: UnsafeMutablePointer<svs_service>, _ flow: svs_flow_key, _ platform: P
  ) -> UInt32

  /// Looks at one server of the walk; false ends the walk.
  static func consider<P: Platform>(
    _ server: UnsafeMutablePointer<svs_server>, _ index: UInt32, _ walk: inout ServerWalk<P>
  ) -> Bool

  /// The walk came to the end of the list; false ends it, true begins again at the head.
  static func wrapped<P: Platform>(_ walk: inout ServerWalk<P>) -> Bool

  #if !BPF
    /// Whether the scheduler keeps anything that depends on the servers; `rulesChanged` is called for those only.
    static var followsServers: Bool { get }

    /// Brings the scheduler's own state in line with the servers as they are now.
    static func rulesChanged(_ service: inout SchedulerState, _ servers: [ServerView])

    /// Does what `rulesChanged` does, where the weights that occur are all it takes; false where they are not.
    static func weightsChanged(_ service: inout SchedulerState, _ weights: some Sequence<Int32>) -> Bool
  #endif
}

extension Scheduler {
  @inlinable public static var tableRecords: UInt32 { 0 }

  @inlinable @inline(__always)
  public static func consider<P: Platform>(
    _ server: UnsafeMutablePointer<svs_server>, _ index: UInt32, _ walk: inout ServerWalk<P>
  ) -> Bool { false }

  @inlinable @inline(__always)
  public static func wrapped<P: Platform>(_ walk: inout ServerWalk<P>) -> Bool { false }

  #if !BPF
    public static var followsServers: Bool { false }
    public static func rulesChanged(_ service: inout SchedulerState, _ servers: [ServerView]) {}
    public static func weightsChanged(_ service: inout SchedulerState, _ weights: some Sequence<Int32>) -> Bool {
      false
    }
  #endif
}

#if !BPF
  /// A server as `rulesChanged` sees it.
  public struct ServerView {
    /// Index + 1.
    public var server: UInt32
    public var weight: Int32
    /// The last weight that was not 0, or the one it came with: a server that is quiesced keeps its place.
    public var lastWeight: Int32
    public var address: svs_addr
    /// In network order.
    public var port: UInt16

    /// - Parameter server: index + 1 of the record.
    public init(server: UInt32, _ record: UnsafeMutablePointer<svs_server>) {
      self.server = server
      weight = record.pointee.weight
      lastWeight = record.pointee.last_weight
      address = record.pointee.addr
      port = record.pointee.port
    }
  }

  /// A scheduler's own state, as `rulesChanged` leaves it.
  public struct SchedulerState {
    public var cursor: UInt64
    public var maximumWeight: UInt32
    public var weightDivisor: UInt32
    /// A hash table of servers, index + 1 each; nil if the scheduler has none.
    public var table: [UInt32]?

    public init(cursor: UInt64, maximumWeight: UInt32, weightDivisor: UInt32) {
      self.cursor = cursor
      self.maximumWeight = maximumWeight
      self.weightDivisor = weightDivisor
    }
  }

  extension Scheduler {
    /// Of weights; 0 is divided by all.
    static func greatestCommonDivisor(_ a: Int32, _ b: Int32) -> Int32 {
      var (a, b) = (a, b)
      while b != 0 { (a, b) = (b, a % b) }
      return a
    }
  }
#endif
