import Dataplane

/// What the packet path's schedulers are to the rules: names, numbers, and what they want done after a change.
enum SchedulerNames {
  /// The numbers a scheduler may have.
  private static let numbers: ClosedRange<UInt8> = 1...63

  /// A service without a scheduler, which gives new connections no server: as IPVS has it, `-s none`.
  private static let none = "none"

  static func number(_ name: String) -> UInt8? {
    name == none ? 0 : numbers.first { self.name($0) == name }
  }

  static func name(_ number: UInt8) -> String? {
    if number == 0 { return none }
    var visitor = Naming()
    return Schedulers.visit(number, &visitor)
  }

  /// Every scheduler there is, in the order of their numbers.
  static var all: [String] { numbers.compactMap(name) }

  static func rulesChanged(_ number: UInt8, _ state: inout SchedulerState, _ servers: [ServerView]) {
    var visitor = Changing(state: state, servers: servers)
    if Schedulers.visit(number, &visitor) != nil { state = visitor.state }
  }

  /// How many records the scheduler's hash table takes.
  static func tableRecords(_ number: UInt8) -> UInt32 {
    var visitor = Sizing()
    return Schedulers.visit(number, &visitor) ?? 0
  }

  /// Whether the scheduler keeps anything that depends on the servers.
  static func followsServers(_ number: UInt8) -> Bool {
    var visitor = Asking()
    return Schedulers.visit(number, &visitor) ?? false
  }

  /// The most records that a scheduler's hash table takes; every table takes one, or these.
  static let largestTable = numbers.map(tableRecords).max() ?? 1

  /// As `rulesChanged`, by the weights that occur; false where they do not suffice.
  static func weightsChanged(_ number: UInt8, _ state: inout SchedulerState, _ weights: [Int32: Int].Keys) -> Bool {
    var visitor = Weighing(state: state, weights: weights)
    guard Schedulers.visit(number, &visitor) == true else { return false }
    state = visitor.state
    return true
  }

  private struct Asking: SchedulerVisitor {
    mutating func visit<S: Scheduler>(_: S.Type) -> Bool { S.followsServers }
  }

  private struct Weighing: SchedulerVisitor {
    var state: SchedulerState
    let weights: [Int32: Int].Keys
    mutating func visit<S: Scheduler>(_: S.Type) -> Bool { S.weightsChanged(&state, weights) }
  }

  private struct Sizing: SchedulerVisitor {
    mutating func visit<S: Scheduler>(_: S.Type) -> UInt32 { S.tableRecords }
  }

  private struct Naming: SchedulerVisitor {
    mutating func visit<S: Scheduler>(_: S.Type) -> String { S.name.description }
  }

  private struct Changing: SchedulerVisitor {
    var state: SchedulerState
    let servers: [ServerView]
    mutating func visit<S: Scheduler>(_: S.Type) { S.rulesChanged(&state, servers) }
  }
}

/// How long a connection stays in a state without a packet, in seconds.
enum DefaultTimeout {
  static func of(_ state: UInt8) -> UInt32 { State.defaultTimeout(state) }
  /// In ticks.
  static var ofFragments: UInt32 { FragmentLifetime.ticks }
}
