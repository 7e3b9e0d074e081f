import DataplaneTypes

/// A walk along a service's servers, in list order, with what the scheduler has found so far.
///
/// The kernel runs it as the body of a bounded loop, so that a service may have thousands of servers.
public struct ServerWalk<P: Platform> {
  public let platform: P
  /// The scheduler's number.
  public let scheduler: UInt8
  /// The list's head, for walks that begin again.
  public let head: UInt32
  /// The server to look at next; 0 is the end of the list.
  public var next: UInt32
  /// The best server so far.
  public var best: UInt32 = 0
  public var load: UInt64 = 0
  public var weight: UInt64 = 0
  /// Room for a scheduler's own number.
  public var level: UInt64 = 0
  /// The destination whose servers are walked along; none in a walk along the service's.
  public var locality = svs_locality_key.none
  /// Whether that walk looks for the most loaded server, and where it found it.
  public var isForGreatest = false
  public var place: UInt32 = 0

  @inlinable @inline(__always)
  public init(_ platform: P, _ scheduler: UInt8, _ service: UnsafeMutablePointer<svs_service>, from first: UInt32) {
    self.platform = platform
    self.scheduler = scheduler
    head = service.pointee.first
    next = first
  }

  /// Looks at one server; false when the walk is over.
  @inlinable @inline(__always)
  public static func step(_ walk: UnsafeMutablePointer<ServerWalk>) -> Bool {
    if walk.pointee.next == 0 {
      var visitor = Wrapping(walk: walk)
      let goesOn = Schedulers.visit(walk.pointee.scheduler, &visitor) ?? false
      if !goesOn || walk.pointee.head == 0 { return false }
      walk.pointee.next = walk.pointee.head
    }
    let index = walk.pointee.next
    guard let server = walk.pointee.platform.servers.find(index &- 1) else { return false }
    walk.pointee.next = UInt32(truncatingIfNeeded: svs_guessed(UInt64(index &- 1), UInt64(server.pointee.next)))
    var visitor = Considering(walk: walk, server: server, index: index)
    return Schedulers.visit(walk.pointee.scheduler, &visitor) ?? false
  }

  @usableFromInline
  struct Considering: SchedulerVisitor {
    @usableFromInline let walk: UnsafeMutablePointer<ServerWalk>
    @usableFromInline let server: UnsafeMutablePointer<svs_server>
    @usableFromInline let index: UInt32

    @inlinable @inline(__always)
    init(walk: UnsafeMutablePointer<ServerWalk>, server: UnsafeMutablePointer<svs_server>, index: UInt32) {
      self.walk = walk
      self.server = server
      self.index = index
    }

    @inlinable @inline(__always)
    mutating func visit<S: Scheduler>(_: S.Type) -> Bool { S.consider(server, index, &walk.pointee) }
  }

  @usableFromInline
  struct Wrapping: SchedulerVisitor {
    @usableFromInline let walk: UnsafeMutablePointer<ServerWalk>

    @inlinable @inline(__always) init(walk: UnsafeMutablePointer<ServerWalk>) { self.walk = walk }

    @inlinable @inline(__always)
    mutating func visit<S: Scheduler>(_: S.Type) -> Bool { S.wrapped(&walk.pointee) }
  }
}
