import CLibbpf
import DataplaneSimulation
import DataplaneTypes
import Glibc
import Netlink

/// The director of the calling thread's network namespace: its rules, its attachments, its state.
///
/// Everything lives in the kernel; a value of this type only looks at it. Calls from several processes wait for each
/// other, and each happens whole or, when it throws, not at all.
public final class Director {
  let folder: PinFolder
  /// Nil while this namespace has no director; made by the first change that needs one.
  var tables: Tables?
  /// What this process knows of free records, and the rules' generation for which that holds.
  var ledger = Ledger()
  /// What ``takeRemarks()`` gives.
  var remarks: [String] = []
  /// What waits for the end of a sitting.
  var backlog = Backlog()
  /// How deep sittings are nested.
  var sitting = 0
  /// Local addresses of services that this process has removed.
  var orphanedPools: [ServiceIdentity: [(index: Int, addresses: LocalAddresses)]] = [:]
  /// How clients were told to the servers of services that this process has removed.
  var orphanedDisclosures: [ServiceIdentity: UInt32] = [:]
  /// How deep calls are nested inside the lock.
  private var depth = 0
  private var isKeptUp = false
  private var held: Held?
  /// Whether the tables are in this process's memory: then nothing of the kernel is looked at or changed.
  let isSimulated: Bool

  /// A class so that it can be kept although a lock may not be copied.
  private final class Held {
    let lock: FileLock
    init(_ lock: consuming FileLock) { self.lock = lock }
  }

  /// Looks for the director of this namespace, and collects what dead namespaces left.
  ///
  /// - Throws: `notPermitted` without root, `layoutMismatch` where another version of SVS made what is pinned.
  public init() throws(DirectorError) {
    guard geteuid() == 0 else { throw .notPermitted }
    isSimulated = false
    folder = try PinFolder.current()
    try PinFolder.prepare()
    PinFolder.collectDead(sparing: folder)
  }

  /// A director whose tables are `state`.
  init(simulatedIn state: MemoryPlatform.State) throws(DirectorError) {
    isSimulated = true
    folder = PinFolder(cookie: 0)
    tables = try Tables(state, folder)
  }

  /// Whether this namespace has a director.
  public var exists: Bool { isSimulated || folder.exists }

  /// Runs one step with the director locked against all others.
  func locked<Result>(_ body: () throws(DirectorError) -> Result) throws(DirectorError) -> Result {
    if isSimulated { return try body() }
    if depth == 0 {
      held = Held(try folder.lock())
      do {
        try refresh()
      } catch {
        held = nil
        throw error
      }
    }
    depth += 1
    defer {
      depth -= 1
      if depth == 0 { held = nil }
    }
    return try body()
  }

  /// Holds the lock over many commands, so that a long list of them need not wait for it each time, and does once what
  /// many of them ask for.
  ///
  /// - Throws: what went wrong with work that several commands share; what they asked for stands all the same.
  public func inOneSitting<Result>(_ body: () -> Result) throws(DirectorError) -> Result {
    guard depth == 0, !isSimulated, let lock = try? folder.lock() else { return body() }
    held = Held(lock)
    if (try? refresh()) == nil {
      held = nil
      return body()
    }
    depth += 1
    sitting += 1
    defer {
      sitting -= 1
      depth -= 1
      held = nil
    }
    let result = body()
    if let tables { catchUp(tables) }
    if let failure = backlog.failure {
      backlog.failure = nil
      throw failure
    }
    return result
  }

  public func takeRemarks() -> [String] {
    defer { remarks = [] }
    return remarks
  }

  /// Takes notice of what other processes did since the last step.
  private func refresh() throws(DirectorError) {
    guard folder.exists else {
      tables = nil
      ledger = Ledger()
      return
    }
    if tables == nil { tables = try Tables(folder) }
    guard let generation = tables?.config.pointee.rules_generation else { return }
    if generation != ledger.generation { ledger = Ledger(generation: generation) }
  }

  /// Says that the rules have changed, to this process's own knowledge and to others'.
  func rulesChanged(_ tables: Tables) {
    tables.config.pointee.rules_generation &+= 1
    ledger.generation = tables.config.pointee.rules_generation
  }

  /// The director's tables, made now if there are none yet. To be called inside the lock.
  func establish(capacity: UInt32 = DirectorObject.defaultCapacity) throws(DirectorError) -> Tables {
    if let tables {
      try upkeep(tables)
      return tables
    }
    // An interface bears one director only.
    Self.finishTakingDown(folder)
    // What stands at devices for a director that a killed command ended sends into a pair that is about to go.
    Diverter.remove()
    let pair = try HandoverPair.make()
    let folder = self.folder
    do {
      try DirectorObject.install(in: folder.path, capacity: capacity) { config in
        config.pointee.layout_version = UInt32(SVS_LAYOUT_VERSION)
        config.pointee.connection_capacity = capacity
        config.pointee.handover_ifindex = pair.outerIndex
        config.pointee.lookup_ifindex = pair.innerIndex
        config.pointee.sweep_period_us = 20_000
        config.limitAnswers()
        // A packet in five seconds and server shows the kernel's neighbour table that the server is in use.
        config.pointee.probe_ticks = Ticks.of(seconds: 5)
        Timeouts.initialise(config)
        config.write(Knobs())
      } equip: { path throws(DirectorError) in
        try pair.equip(path)
      }
      let tables = try Tables(folder)
      self.tables = tables
      ledger = Ledger(generation: tables.config.pointee.rules_generation)
      try refreshDevices(tables)
      return tables
    } catch {
      HandoverPair.remove()
      PinFolder.remove(folder.path)
      tables = nil
      throw error
    }
  }
}

extension Director {
  /// Sets right what others may have changed around the director; once for every process that changes something.
  func upkeep(_ tables: Tables) throws(DirectorError) {
    if isKeptUp || isSimulated { return }
    isKeptUp = true
    try repairPair(tables)
    try refreshDevices(tables)
    try? finishForKilled(tables)
    tables.config.limitAnswers()
  }

  /// Makes the hand-over pair again if somebody deleted it: without it no route is looked up.
  private func repairPair(_ tables: Tables) throws(DirectorError) {
    if HandoverPair.exists(tables.config.pointee) {
      // Writing net.ipv4.ip_forward=0 has switched it off everywhere.
      HandoverPair.switchForwardingOn()
      if isDiverted(tables), !HandoverPair.isWhole(tables.config.pointee) {
        HandoverPair.switchOn(tables.config.pointee)
        // Routes go when their device does.
        try steerAnew(tables)
      }
      return
    }
    let pair = try HandoverPair.make()
    unlink(folder.pin("links/" + HandoverPair.inner))
    try pair.equip(folder.path)
    // Last: whoever is killed before leaves a pair that is not the configuration's, and is made anew.
    tables.config.pointee.handover_ifindex = pair.outerIndex
    tables.config.pointee.lookup_ifindex = pair.innerIndex
    // Its routes went with the old one.
    try steerAnew(tables)
  }
}

/// The clock of connections: one tick is 2^24 ns.
enum Ticks {
  static func of(seconds: UInt32) -> UInt32 {
    UInt32(clamping: (UInt64(seconds) * 1_000_000_000) >> UInt64(SVS_TICK_SHIFT))
  }

  static func seconds(_ ticks: UInt32) -> UInt32 {
    UInt32(clamping: (UInt64(ticks) << UInt64(SVS_TICK_SHIFT)) / 1_000_000_000)
  }

  static var now: UInt32 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    let nanoseconds = UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    return UInt32(truncatingIfNeeded: nanoseconds >> UInt64(SVS_TICK_SHIFT))
  }
}
