import DataplaneTypes

/// What the packet path stands on: its tables, its clock, its routing, and the frame it works on.
///
/// Two of them exist: the kernel's maps and helpers, and memory. Every decision is made above this line, so both
/// decide alike.
public protocol Platform {
  associatedtype Flows: HashTable<svs_flow_key, svs_flow_ref>
  associatedtype Services: HashTable<svs_service_key, UInt32>
  associatedtype Devices: HashTable<UInt32, svs_device>
  associatedtype Connections: Pool<svs_connection>
  associatedtype ServiceRecords: Pool<svs_service>
  associatedtype ServerRecords: Pool<svs_server>
  associatedtype HashTables: Pool<svs_table>
  associatedtype Localities: HashTable<svs_locality_key, svs_locality>
  associatedtype Fragments: HashTable<svs_flow_key, svs_fragments>
  associatedtype Exchanges: Pool<svs_exchange>
  associatedtype LocalRanges: Pool<svs_local_range>
  associatedtype RememberedWays: Pool<svs_way>
  associatedtype TrafficCounters: Pool<svs_counters>
  associatedtype Events: Pool<svs_drop>
  associatedtype Allowances: Pool<svs_allowance>
  associatedtype Configuration: Pool<svs_config>
  associatedtype Runtime: Pool<svs_runtime>

  var flows: Flows { get }
  var services: Services { get }
  var devices: Devices { get }
  var connections: Connections { get }
  var serviceRecords: ServiceRecords { get }
  var servers: ServerRecords { get }
  var hashTables: HashTables { get }
  /// What has not been used for longest gives way.
  var localities: Localities { get }
  /// What has not been used for longest gives way.
  var fragments: Fragments { get }
  /// Of FULLNAT connections, by their slots; none before the first server that needs them.
  var exchanges: Exchanges { get }
  var localRanges: LocalRanges { get }
  /// Of this CPU, by the hash of both addresses.
  var rememberedWays: RememberedWays { get }
  /// Counters of this CPU, numbered as servers are; a service's are the sum of its servers'.
  var serverCounters: TrafficCounters { get }
  var events: Events { get }
  /// By the hash of the address that is answered.
  var allowances: Allowances { get }
  var configuration: Configuration { get }
  var runtime: Runtime { get }

  /// The interface the frame came in by.
  var ingress: UInt32 { get }
  /// The CPU that looks at it, counted from 0.
  var cpu: UInt32 { get }

  /// Nanoseconds since boot.
  func now() -> UInt64

  /// A free slot of the connection table, from those given back; nil when none was.
  func takeSlot(_ slot: inout UInt32) -> Bool
  func giveSlot(_ slot: UInt32)

  /// Asks the kernel's routing and neighbour tables.
  func route(_ query: inout RouteQuery)

  /// Whether the kernel has any route to where a packet that it marked goes: to this host, as a rule.
  func isReachable(_ flow: UnsafePointer<svs_flow_key>, mark: UInt32) -> Bool

  /// Sends the frame out of another interface.
  func redirect(_ ifindex: UInt32) -> Verdict

  /// Moves the frame's beginning by `bytes` (negative grows it); the packet is looked at anew. False if there is no room.
  func moveStart(_ packet: inout Packet, by bytes: Int32) -> Bool
  func moveEnd(_ packet: inout Packet, by bytes: Int32) -> Bool

  /// `ConnectionTable.move`; in the kernel a function of its own.
  func move(_ reference: FlowReference, _ flags: TCPFlags, now tick: UInt32) -> Bool

  /// The unfolded Internet sum of `length` bytes from `offset`, at most 4,096 of them; false if they are not all there.
  func sum(_ packet: Packet, from offset: Int, length: Int, into sum: inout UInt64) -> Bool

  /// The hash of the Call-ID in a SIP message of `length` bytes from `offset`; false where it has none in its first
  /// 2,048 bytes.
  func callID(_ packet: Packet, from offset: Int, length: Int, into hash: inout svs_addr) -> Bool

  /// `CRC32C.change`; in the kernel its multiplication is a function of its own.
  func changeOfCRC32C(_ difference: UInt32, length: UInt32) -> UInt32

  /// Room for a TCP header in the making; this CPU's.
  var workbench: UnsafeMutablePointer<svs_workbench>? { get }

  /// Copies 1 to 64 bytes of the packet; false if they are not all there.
  func load(_ packet: Packet, from offset: Int, length: UInt32, into memory: UnsafeMutableRawPointer) -> Bool
  /// Copies 1 to 128 bytes into the packet; false if they do not fit.
  func store(_ packet: Packet, at offset: Int, length: UInt32, from memory: UnsafeMutableRawPointer) -> Bool
  /// Copies 1 to 256 bytes of the packet to its beginning.
  func copyToStart(_ packet: Packet, from offset: UInt32, length: UInt32) -> Bool

  /// Adds to a checksum what the header on the bench has become.
  func addDifference(_ bench: UnsafeMutablePointer<svs_workbench>, into sum: inout UInt64)

  /// `PacketPath.writeGreeting`; in the kernel a function of its own.
  func writeGreeting(_ slot: UInt32) -> Bool

  /// `ProxyHeader.append` on the bench; in the kernel a function of its own.
  func append(_ value: UInt32, base: UInt32, before separator: UInt32)

  /// Runs `OptionWalk.step` until it says stop, at most `OptionWalk.steps` times.
  func walk(_ bench: UnsafeMutablePointer<svs_workbench>)

  /// Enters a destination with its first server into `localities`, where there is room.
  func remember(_ key: svs_locality_key, _ tag: UInt32, at tick: UInt32)

  /// Runs `ServerWalk.step` until it says stop, at most `limit` times.
  func run(_ walk: inout ServerWalk<Self>, atMost limit: UInt32)

  /// Runs `Lease.step` until it says stop, at most `limit` times.
  func run(_ lease: inout Lease<Self>, atMost limit: UInt32)

  /// Runs `LeastLoad.step` until it says stop, at most for so many servers, rounded up to its stride.
  func run<L: Load>(_ walk: inout LeastLoad, by load: L.Type, atMost servers: UInt32)
}

/// A question to the routing table, and its answer.
public struct RouteQuery {
  public enum Outcome: UInt8 {
    /// The frame can be sent: `ifindex`, both MACs and the MTU are known.
    case resolved
    /// The route is known, the neighbour's MAC is not yet: `ifindex` and `nextHop` are set.
    case unresolved
    /// The address is the director's own, or no route leads to it: the kernel does not tell which.
    case notForwarded
    /// A route that forbids.
    case unreachable
  }

  public var family: UInt8
  public var source: svs_addr
  public var destination: svs_addr
  public var outcome = Outcome.unreachable
  public var ifindex: UInt32 = 0
  public var mtu: UInt16 = 0
  public var destinationMAC = svs_mac.zero
  public var sourceMAC = svs_mac.zero
  /// The gateway, or the destination itself where it is on the link.
  public var nextHop = svs_addr.zero
  public var nextHopFamily: UInt8 = 0

  @inlinable @inline(__always)
  public init(family: UInt8, source: svs_addr, destination: svs_addr) {
    self.family = family
    self.source = source
    self.destination = destination
  }
}
