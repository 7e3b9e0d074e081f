import Glibc

/// A set of virtual services that commands read and change: the kernel's, or one in memory.
///
/// Every call is one step: it happens whole or, when it throws, not at all.
public protocol RuleStore {
  func addService(_ service: ServiceIdentity, _ settings: ServiceSettings) throws(DirectorError)
  func editService(_ service: ServiceIdentity, _ settings: ServiceSettings) throws(DirectorError)
  func deleteService(_ service: ServiceIdentity) throws(DirectorError)
  /// Removes every service.
  func clear() throws(DirectorError)

  func addServer(_ server: Endpoint, _ settings: ServerSettings, to service: ServiceIdentity) throws(DirectorError)
  func editServer(_ server: Endpoint, _ settings: ServerSettings, of service: ServiceIdentity) throws(DirectorError)
  func deleteServer(_ server: Endpoint, of service: ServiceIdentity) throws(DirectorError)

  /// Sets the counters of one service and its servers, or of all, to zero.
  func zeroCounters(of service: ServiceIdentity?) throws(DirectorError)

  /// Every service, in no order that means anything.
  func services() throws(DirectorError) -> [ServiceSnapshot]
  /// One service; throws `noSuchService`.
  func service(_ identity: ServiceIdentity) throws(DirectorError) -> ServiceSnapshot
  /// The same services with the rates at which their counters grow now, which may take the time of measuring them.
  func measureRates(of services: [ServiceSnapshot]) throws(DirectorError) -> [ServiceSnapshot]
  func connections() throws(DirectorError) -> [ConnectionSnapshot]
  /// How many connections the table can hold.
  func connectionCapacity() throws(DirectorError) -> UInt32

  func timeouts() throws(DirectorError) -> Timeouts
  /// Changes the timeouts that are not 0.
  func setTimeouts(_ timeouts: Timeouts) throws(DirectorError)

  /// The sync daemons that run, the master first.
  func syncDaemons() throws(DirectorError) -> [SyncDaemon]
  func startSyncDaemon(_ daemon: SyncDaemon) throws(DirectorError)
  func stopSyncDaemon(_ role: SyncDaemon.Role) throws(DirectorError)

  /// What the commands that succeeded since the last call should tell their user besides, each said once.
  func takeRemarks() -> [String]

  /// Runs many commands as one sitting, so that a store may do once what it would do for each.
  ///
  /// Commands inside still succeed or fail one by one, and what succeeded stays when the body ends early.
  ///
  /// - Throws: What failed of that which was done once for several commands.
  func inOneSitting<Result>(_ body: () -> Result) throws(DirectorError) -> Result
}

/// What a store does that has no timers and no daemons of its own, and counts nothing.
extension RuleStore {
  public func measureRates(of services: [ServiceSnapshot]) throws(DirectorError) -> [ServiceSnapshot] { services }

  public func timeouts() throws(DirectorError) -> Timeouts { Timeouts() }
  public func setTimeouts(_ timeouts: Timeouts) throws(DirectorError) {
    throw .system(doing: "set the timeouts", errno: EOPNOTSUPP)
  }

  public func syncDaemons() throws(DirectorError) -> [SyncDaemon] { [] }
  public func startSyncDaemon(_ daemon: SyncDaemon) throws(DirectorError) {
    throw .system(doing: "start a sync daemon", errno: EOPNOTSUPP)
  }
  public func stopSyncDaemon(_ role: SyncDaemon.Role) throws(DirectorError) { throw .noSyncDaemon }

  public func takeRemarks() -> [String] { [] }

  public func inOneSitting<Result>(_ body: () -> Result) throws(DirectorError) -> Result { body() }
}
