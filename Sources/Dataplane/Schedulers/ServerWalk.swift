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

  @inlinable @inline(__always)
  public init(_ platform: P, _ scheduler: UInt8, _ service: UnsafeMutablePointer<svs_service>, from first: UInt32) {
    self.platform = platform
    self.scheduler = scheduler
    head = service.pointee.first
    next = first
  }

  /// Looks at one server; false when the walk is over.
  @inlinable @inline(__always)
  public mutating func step() -> Bool {
    if next == 0 {
      var visitor = Wrapping(walk: self)
      let goesOn = Schedulers.visit(scheduler, &visitor) ?? false
      self = visitor.walk
      if !goesOn || head == 0 { return false }
      next = head
    }
    let index = next
    guard let server = platform.servers.find(index &- 1) else { return false }
    next = server.pointee.next
    var visitor = Considering(walk: self, server: server, index: index)
    let goesOn = Schedulers.visit(scheduler, &visitor) ?? false
    self = visitor.walk
    return goesOn
  }

  @usableFromInline
  struct Considering: SchedulerVisitor {
    @usableFromInline var walk: ServerWalk
    @usableFromInline let server: UnsafeMutablePointer<svs_server>
    @usableFromInline let index: UInt32

    @inlinable @inline(__always)
    init(walk: ServerWalk, server: UnsafeMutablePointer<svs_server>, index: UInt32) {
      self.walk = walk
      self.server = server
      self.index = index
    }

    @inlinable @inline(__always)
    mutating func visit<S: Scheduler>(_: S.Type) -> Bool { S.consider(server, index, &walk) }
  }

  @usableFromInline
  struct Wrapping: SchedulerVisitor {
    @usableFromInline var walk: ServerWalk

    @inlinable @inline(__always) init(walk: ServerWalk) { self.walk = walk }

    @inlinable @inline(__always)
    mutating func visit<S: Scheduler>(_: S.Type) -> Bool { S.wrapped(&walk) }
  }
}
