import SocketDataplane
import SocketDataplaneTypes
import Synchronization

/// Tables in memory, as the kernel's maps: shared by as many sockets, and threads, as a test wants.
final class MemoryTables: @unchecked Sendable {
  let services: UnsafeMutablePointer<svs_sock_service>
  let slots: UnsafeMutablePointer<UInt64>
  let endpoints: UnsafeMutablePointer<svs_sock_endpoint>
  static let size = 256

  private let lock = Mutex(())
  // Elements stay where they are, as the kernel's do while a hook runs.
  private var entries: [[UInt8]: UnsafeMutablePointer<UInt64>] = [:]
  private var affinities: [[UInt8]: UnsafeMutablePointer<svs_sock_memory>] = [:]
  private var senders: [[UInt8]: UnsafeMutablePointer<svs_sock_memory>] = [:]
  private var sources: [[UInt8]: UnsafeMutablePointer<svs_sock_address>] = [:]
  private var memories: [UnsafeMutableRawPointer] = []

  var places: Set<UInt64> = [1, 2]
  let clock = Atomic<UInt64>(1)

  init() {
    services = .allocate(capacity: Self.size)
    services.initialize(repeating: svs_sock_service(), count: Self.size)
    slots = .allocate(capacity: Self.size)
    slots.initialize(repeating: 0, count: Self.size)
    endpoints = .allocate(capacity: Self.size)
    endpoints.initialize(repeating: svs_sock_endpoint(), count: Self.size)
  }

  deinit {
    services.deallocate()
    slots.deallocate()
    endpoints.deallocate()
    for memory in memories { memory.deallocate() }
  }

  enum Table { case affinity, sender }

  private func bytes<T>(_ key: UnsafePointer<T>) -> [UInt8] {
    Array(UnsafeRawBufferPointer(start: key, count: MemoryLayout<T>.size))
  }

  private func keep<T>(_ value: T) -> UnsafeMutablePointer<T> {
    let place = UnsafeMutablePointer<T>.allocate(capacity: 1)
    place.initialize(to: value)
    memories.append(UnsafeMutableRawPointer(place))
    return place
  }

  func entry(_ key: UnsafePointer<svs_sock_address>) -> UnsafeMutablePointer<UInt64>? {
    lock.withLock { _ in entries[bytes(key)] }
  }

  func lead(_ address: svs_sock_address, to service: UInt32) {
    lock.withLock { _ in
      withUnsafePointer(to: address) { entries[bytes($0)] = keep(ServiceEntry.word(service, at: $0)) }
    }
  }

  func find(_ table: Table, _ key: UnsafePointer<svs_sock_owner>) -> UnsafeMutablePointer<svs_sock_memory>? {
    lock.withLock { _ in table == .affinity ? affinities[bytes(key)] : senders[bytes(key)] }
  }

  func set(
    _ table: Table, _ key: UnsafePointer<svs_sock_owner>, _ value: svs_sock_memory, replace: Bool
  ) -> Bool {
    lock.withLock { _ in
      let key = bytes(key)
      if table == .sender {
        senders[key] = keep(value)
        return true
      }
      if !replace, affinities[key] != nil { return false }
      affinities[key] = keep(value)
      return true
    }
  }

  func source(_ key: UnsafePointer<svs_sock_source>) -> UnsafeMutablePointer<svs_sock_address>? {
    lock.withLock { _ in sources[bytes(key)] }
  }

  func setSource(_ key: UnsafePointer<svs_sock_source>, _ value: svs_sock_address) {
    lock.withLock { _ in sources[bytes(key)] = keep(value) }
  }

  func forgetSources() { lock.withLock { _ in sources.removeAll() } }
}

/// A socket of a test.
final class MemorySocket: SocketPlatform {
  let tables: MemoryTables
  let networkCookie: UInt64
  let socketCookie: UInt64
  private let storage: UnsafeMutablePointer<svs_sock_peer>
  private var isStored = false
  private static let cookies = Atomic<UInt64>(1)

  init(_ tables: MemoryTables, in network: UInt64 = 1) {
    self.tables = tables
    networkCookie = network
    socketCookie = Self.cookies.add(1, ordering: .relaxed).newValue
    storage = .allocate(capacity: 1)
    storage.initialize(to: svs_sock_peer())
  }

  deinit { storage.deallocate() }

  func now() -> UInt64 { tables.clock.load(ordering: .relaxed) }
  func isPlace(_ cookie: UInt64) -> Bool { tables.places.contains(cookie) }
  func entry(_ address: UnsafePointer<svs_sock_address>) -> UnsafeMutablePointer<UInt64>? { tables.entry(address) }

  func service(_ number: UInt32) -> UnsafeMutablePointer<svs_sock_service>? {
    number < MemoryTables.size ? tables.services + Int(number) : nil
  }

  func slot(_ number: UInt32) -> UnsafeMutablePointer<UInt64>? {
    number < MemoryTables.size ? tables.slots + Int(number) : nil
  }

  func endpoint(_ number: UInt32) -> UnsafeMutablePointer<svs_sock_endpoint>? {
    number < MemoryTables.size ? tables.endpoints + Int(number) : nil
  }

  func affinity(_ owner: UnsafePointer<svs_sock_owner>) -> UnsafeMutablePointer<svs_sock_memory>? {
    tables.find(.affinity, owner)
  }

  func setAffinity(
    _ owner: UnsafePointer<svs_sock_owner>, _ memory: UnsafePointer<svs_sock_memory>, replace: Bool
  ) -> Bool { tables.set(.affinity, owner, memory.pointee, replace: replace) }

  func sender(_ owner: UnsafePointer<svs_sock_owner>) -> UnsafeMutablePointer<svs_sock_memory>? {
    tables.find(.sender, owner)
  }

  func setSender(_ owner: UnsafePointer<svs_sock_owner>, _ memory: UnsafePointer<svs_sock_memory>) {
    _ = tables.set(.sender, owner, memory.pointee, replace: true)
  }

  func source(_ source: UnsafePointer<svs_sock_source>) -> UnsafeMutablePointer<svs_sock_address>? {
    tables.source(source)
  }

  func setSource(_ source: UnsafePointer<svs_sock_source>, _ address: UnsafePointer<svs_sock_address>) {
    tables.setSource(source, address.pointee)
  }

  var peer: UnsafeMutablePointer<svs_sock_peer>? { isStored ? storage : nil }

  func makePeer() -> UnsafeMutablePointer<svs_sock_peer>? {
    isStored = true
    return storage
  }

  func forgetPeer() { isStored = false }

  func readOnce(_ word: UnsafePointer<UInt64>) -> UInt64 {
    UnsafeRawPointer(word).assumingMemoryBound(to: Atomic<UInt64>.self).pointee.load(ordering: .acquiring)
  }
}
