import ClusterModel
import Netlink
import SocketDataplaneTypes
import Synchronization

/// Has programs reach a cluster's services from this host: the kernel puts a pod in a service's place when they connect.
///
/// Hooks at the root of the control groups see every process, and translate for those in the network namespaces that
/// were given as places. All of it is pinned, and works on without this process. One translator is for one cluster;
/// those of several clusters share no state.
public final class ServiceTranslator: Sendable {
  /// How much there is room for; settled when the pins are made.
  public struct Capacity: Hashable, Sendable {
    /// Services, at most 65,536. There is room for four times as many addresses, node ports' among them.
    public var services: Int
    /// Endpoints of all services together, at most 524,288.
    public var endpoints: Int
    /// Clients with affinity, and sockets that send datagrams to services without being connected.
    public var sockets: Int

    public init(services: Int = 16_384, endpoints: Int = 131_072, sockets: Int = 65_536) {
      self.services = min(max(services, 1), 65_536)
      self.endpoints = min(max(endpoints, 1), 524_288)
      self.sockets = min(max(sockets, 1_024), 1_048_576)
    }
  }

  public let pinFolder: String
  private let tables: Mutex<Tables>

  /// Makes the hooks and pins them in this folder of a bpf file system, or takes over what is pinned there.
  ///
  /// The file system at /run/svs/bpf is mounted if it is not there.
  /// - Parameter capacity: counts only where the pins are made.
  public init(pinFolder: String, capacity: Capacity = Capacity()) throws(ServiceTranslationError) {
    self.pinFolder = pinFolder
    let folder = try PinnedFolder(pinFolder)
    try folder.prepare()
    tables = Mutex(
      try folder.locked { () throws(ServiceTranslationError) in
        if !folder.exists { try SocketObject.install(in: folder, capacity) }
        return try Tables(folder)
      })
  }

  /// Takes over what is pinned in this folder; nil where nothing is.
  public static func pinned(in pinFolder: String) throws(ServiceTranslationError) -> ServiceTranslator? {
    guard try PinnedFolder(pinFolder).exists else { return nil }
    return try ServiceTranslator(pinFolder: pinFolder)
  }

  /// Translates for the sockets of a network namespace from now on.
  public func place(cookie: UInt64) throws(ServiceTranslationError) {
    try tables.withLock { (tables) throws(ServiceTranslationError) in
      try tables.places.put(cookie, svs_sock_place(flags: 0), orFull: "network namespaces", "add a namespace")
    }
  }

  /// Leaves the sockets of a network namespace alone from now on; connections stay.
  public func remove(cookie: UInt64) throws(ServiceTranslationError) {
    try tables.withLock { (tables) throws(ServiceTranslationError) in
      try tables.places.remove(cookie, "remove a namespace")
    }
  }

  /// The cookies of the network namespaces that are translated for.
  public var places: [UInt64] { tables.withLock { $0.places.keys(UInt64(0)) } }

  /// Makes these the services there are: all of them, or after an error those that were.
  ///
  /// Only what changed is touched. A new connection meets a service as it was or as it is; old connections stay.
  /// - Parameter nodeAddresses: where services with a node port are, too, as far as they are of the same family.
  public func set(_ services: [ServicePort], nodeAddresses: [IPAddress]) throws(ServiceTranslationError) {
    let wanted = try WantedService.all(services, nodeAddresses: nodeAddresses)
    try tables.withLock { (tables) throws(ServiceTranslationError) in
      try tables.folder.locked { () throws(ServiceTranslationError) in
        try tables.refresh()
        try tables.set(wanted)
      }
    }
  }

  /// What was translated so far, service by service, sorted by address.
  public func counters() throws(ServiceTranslationError) -> [ServiceCounters] {
    try tables.withLock { (tables) throws(ServiceTranslationError) in
      try tables.folder.locked { () throws(ServiceTranslationError) in
        try tables.refresh()
        return tables.counters()
      }
    }
  }

  /// Takes the hooks away, and all that is pinned; connections stay.
  public func detach() throws(ServiceTranslationError) { try Self.remove(pinFolder: pinFolder) }

  /// The folders in which a run that ends on its way may leave hooks, which work until what is in them is unlinked.
  public static func folders(_ pinFolder: String) -> [String] { [pinFolder, PinnedFolder.unfinished(pinFolder)] }

  /// Takes away what a run left that cannot do so itself any more; nothing there is no error.
  public static func remove(pinFolder: String) throws(ServiceTranslationError) {
    try PinnedFolder(pinFolder).remove()
  }
}
