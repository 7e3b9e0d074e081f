import DataplaneTypes

/// Something to be done with the scheduler of a number.
public protocol SchedulerVisitor {
  associatedtype Result
  mutating func visit<S: Scheduler>(_: S.Type) -> Result
}

/// The schedulers there are: a new one is a file beside this one, and a line here.
public enum Schedulers {
  @inlinable @inline(__always)
  public static func visit<V: SchedulerVisitor>(_ number: UInt8, _ visitor: inout V) -> V.Result? {
    switch number {
    case RoundRobin.number: visitor.visit(RoundRobin.self)
    case WeightedRoundRobin.number: visitor.visit(WeightedRoundRobin.self)
    case LeastConnection.number: visitor.visit(LeastConnection.self)
    case WeightedLeastConnection.number: visitor.visit(WeightedLeastConnection.self)
    case SourceHash.number: visitor.visit(SourceHash.self)
    case ShortestExpectedDelay.number: visitor.visit(ShortestExpectedDelay.self)
    case NeverQueue.number: visitor.visit(NeverQueue.self)
    case Failover.number: visitor.visit(Failover.self)
    case Overflow.number: visitor.visit(Overflow.self)
    case DestinationHash.number: visitor.visit(DestinationHash.self)
    case MaglevHash.number: visitor.visit(MaglevHash.self)
    case LocalityLeastConnection.number: visitor.visit(LocalityLeastConnection.self)
    case LocalityReplication.number: visitor.visit(LocalityReplication.self)
    case TwoChoices.number: visitor.visit(TwoChoices.self)
    default: nil
    }
  }

  /// The server for a new connection, index + 1, or 0 where there is none to give.
  @inlinable @inline(__always)
  public static func pick<P: Platform>(
    _ service: UnsafeMutablePointer<svs_service>, _ flow: svs_flow_key, _ platform: P
  ) -> UInt32 {
    var picking = Picking(service: service, flow: flow, platform: platform)
    return visit(service.pointee.scheduler, &picking) ?? 0
  }

  @usableFromInline
  struct Picking<P: Platform>: SchedulerVisitor {
    @usableFromInline let service: UnsafeMutablePointer<svs_service>
    @usableFromInline let flow: svs_flow_key
    @usableFromInline let platform: P

    @inlinable @inline(__always)
    init(service: UnsafeMutablePointer<svs_service>, flow: svs_flow_key, platform: P) {
      self.service = service
      self.flow = flow
      self.platform = platform
    }

    @inlinable @inline(__always)
    mutating func visit<S: Scheduler>(_: S.Type) -> UInt32 { S.pick(service, flow, platform) }
  }
}
