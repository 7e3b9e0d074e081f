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
  func connections() throws(DirectorError) -> [ConnectionSnapshot]
  /// How many connections the table can hold; `ipvsadm -L` prints it as `size`.
  func connectionCapacity() throws(DirectorError) -> UInt32
}
