import DataplaneTypes

/// What a scheduler that takes the least loaded server understands by load.
public protocol Load {
  static var kind: UInt32 { get }
  static func load(_ server: UnsafeMutablePointer<svs_server>) -> UInt64
  /// What the load is divided by.
  static func weight(_ server: UnsafeMutablePointer<svs_server>) -> UInt64
  /// Whether a server without active connections is taken before all others.
  static var prefersIdle: Bool { get }
  /// Whether the look along the list is to find out if a server has less than half as many connections as its weight.
  static var asksForRoom: Bool { get }
}

extension Load {
  @inlinable @inline(__always)
  public static func weight(_ server: UnsafeMutablePointer<svs_server>) -> UInt64 {
    UInt64(UInt32(bitPattern: server.pointee.weight))
  }

  @inlinable public static var prefersIdle: Bool { false }
  @inlinable public static var asksForRoom: Bool { false }
}

/// A look along a service's list for the server with the least load / weight, the first of equals: what lc, wlc, sed and
/// nq do with every new connection, and lblc and lblcr where they choose anew.
///
/// Each kind of load has a loop of its own that looks at several servers in a row and keeps what it has found in
/// registers: with a thousand servers this is what a new connection costs.
public struct LeastLoad {
  /// The server to look at next, index + 1; 0 is the end of the list.
  public var next: UInt32
  /// The best server so far, and its load and weight: of none at first, against which every server wins.
  public var best: UInt32 = 0
  public var load: UInt64 = 1
  public var weight: UInt64 = 0
  /// Whether a server has less than half as many active connections as its weight.
  public var hasRoom: UInt32 = 0

  @inlinable @inline(__always)
  public init(_ service: UnsafeMutablePointer<svs_service>) { next = service.pointee.first }

  /// Servers that one call of `step` looks at.
  @inlinable public static var stride: UInt32 { 4 }

  /// Looks at the next servers; false when there are no more to look at.
  @inlinable @inline(__always)
  public static func step<P: Platform, L: Load>(
    _ state: UnsafeMutablePointer<LeastLoad>, _ platform: P, by _: L.Type
  ) -> Bool {
    var walk = state.pointee
    let goesOn =
      walk.look(platform, by: L.self) && walk.look(platform, by: L.self) && walk.look(platform, by: L.self)
      && walk.look(platform, by: L.self)
    state.pointee = walk
    return goesOn
  }

  @inlinable @inline(__always)
  mutating func look<P: Platform, L: Load>(_ platform: P, by _: L.Type) -> Bool {
    let index = next
    guard index != 0, let server = platform.servers.find(index &- 1) else { return false }
    // Servers that were added one after the other stand so in their chunk, each in the list before the one added first.
    next = UInt32(truncatingIfNeeded: svs_guessed(UInt64(index &- 1), UInt64(server.pointee.next)))
    if L.asksForRoom, UInt64(server.pointee.active) &* 2 < UInt64(UInt32(bitPattern: server.pointee.weight)) {
      hasRoom = 1
    }
    if !server.takesConnections { return true }
    let (own, ownWeight) = (L.load(server), L.weight(server))
    if own &* weight < load &* ownWeight {
      best = index
      load = own
      weight = ownWeight
    }
    if L.prefersIdle, server.pointee.active == 0 {
      best = index
      return false
    }
    return true
  }
}

/// The kinds of load there are.
public enum Loads {
  /// lc's.
  public enum Connections: Load {
    @inlinable public static var kind: UInt32 { 0 }
    @inlinable @inline(__always)
    public static func load(_ server: UnsafeMutablePointer<svs_server>) -> UInt64 { server.overhead }
    @inlinable @inline(__always)
    public static func weight(_ server: UnsafeMutablePointer<svs_server>) -> UInt64 { 1 }
  }

  /// wlc's.
  public enum WeightedConnections: Load {
    @inlinable public static var kind: UInt32 { 1 }
    @inlinable @inline(__always)
    public static func load(_ server: UnsafeMutablePointer<svs_server>) -> UInt64 { server.overhead }
  }

  /// lblc's and lblcr's.
  public enum Locality: Load {
    @inlinable public static var kind: UInt32 { 2 }
    @inlinable @inline(__always)
    public static func load(_ server: UnsafeMutablePointer<svs_server>) -> UInt64 { server.overhead }
    @inlinable public static var asksForRoom: Bool { true }
  }

  /// sed's.
  public enum ExpectedDelay: Load {
    @inlinable public static var kind: UInt32 { 3 }
    @inlinable @inline(__always)
    public static func load(_ server: UnsafeMutablePointer<svs_server>) -> UInt64 {
      UInt64(server.pointee.active) &+ 1
    }
  }

  /// nq's.
  public enum IdleOrExpectedDelay: Load {
    @inlinable public static var kind: UInt32 { 4 }
    @inlinable @inline(__always)
    public static func load(_ server: UnsafeMutablePointer<svs_server>) -> UInt64 {
      UInt64(server.pointee.active) &+ 1
    }
    @inlinable public static var prefersIdle: Bool { true }
  }
}
