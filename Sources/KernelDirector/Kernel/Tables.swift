import CLibbpf
import Dataplane
import DataplaneSimulation
import DataplaneTypes
import Glibc

/// The maps of one namespace's director, open.
final class Tables {
  let folder: PinFolder
  let configuration: MappedArray<svs_config>
  let runtime: MappedArray<svs_runtime>
  let operatorState: MappedArray<svs_operator>
  let serviceIndex: ServiceIndex
  let services: RecordPool<svs_service>
  let servers: RecordPool<svs_server>
  let hashTables: RecordPool<svs_table>
  let localities: LocalityTable
  let exchanges: RecordPool<svs_exchange>
  let localRanges: MappedArray<svs_local_range>
  let divertedPorts: MappedArray<svs_ports>
  let serverCounters: CounterPool
  let devices: BPFMap
  let connections: BPFMap
  let events: BPFMap
  /// What holds all of it where it is not the kernel.
  let memory: MemoryPlatform.State?

  var config: UnsafeMutablePointer<svs_config> { configuration[0] }

  /// Opens what is pinned; refuses a layout that is not this one.
  init(_ folder: PinFolder) throws(DirectorError) {
    self.folder = folder
    let config = try BPFMap(pinnedAt: folder.pin("svs_config_map"))
    // The size tells an old layout before its contents can be misread.
    let size = try config.information.value_size
    let expected = UInt32(MemoryLayout<svs_config>.size)
    guard size == expected else { throw .layoutMismatch(found: 0, expected: UInt32(SVS_LAYOUT_VERSION)) }
    configuration = try MappedArray<svs_config>(config.descriptor, count: 1)
    let version = configuration[0].pointee.layout_version
    guard version == SVS_LAYOUT_VERSION else {
      throw .layoutMismatch(found: version, expected: UInt32(SVS_LAYOUT_VERSION))
    }
    let runtimeMap = try BPFMap(pinnedAt: folder.pin("svs_runtime_map"))
    runtime = try MappedArray<svs_runtime>(runtimeMap.descriptor, count: 1)
    let operatorMap = try BPFMap(pinnedAt: folder.pin("svs_operator_map"))
    operatorState = try MappedArray<svs_operator>(operatorMap.descriptor, count: 1)
    serviceIndex = ServiceIndex(try BPFMap(pinnedAt: folder.pin("svs_services")))
    devices = try BPFMap(pinnedAt: folder.pin("svs_devices"))
    connections = try BPFMap(pinnedAt: folder.pin("svs_connections"))
    events = try BPFMap(pinnedAt: folder.pin("svs_events"))
    let chunk = Int(SVS_CHUNK_SHIFT)
    services = RecordPool(try BPFMap(pinnedAt: folder.pin("svs_service_pool")), name: "service", chunkShift: chunk)
    servers = RecordPool(try BPFMap(pinnedAt: folder.pin("svs_server_pool")), name: "server", chunkShift: chunk)
    hashTables = RecordPool(
      try BPFMap(pinnedAt: folder.pin("svs_table_pool")), name: "hash table", chunkShift: Int(SVS_TABLE_CHUNK_SHIFT))
    localities = LocalityTable(try BPFMap(pinnedAt: folder.pin("svs_locality_pool")))
    exchanges = RecordPool(
      try BPFMap(pinnedAt: folder.pin("svs_exchange_pool")), name: "exchange",
      chunkShift: Int(SVS_EXCHANGE_CHUNK_SHIFT))
    let ranges = try BPFMap(pinnedAt: folder.pin("svs_local_ranges"))
    localRanges = try MappedArray<svs_local_range>(ranges.descriptor, count: Int(SVS_LOCAL_RANGES))
    let ports = try BPFMap(pinnedAt: folder.pin("svs_diverted_ports"))
    divertedPorts = try MappedArray<svs_ports>(ports.descriptor, count: Int(SVS_DIVERTED_PROTOCOLS))
    serverCounters = CounterPool(try BPFMap(pinnedAt: folder.pin("svs_server_counters")), name: "server counter")
    memory = nil
  }

  /// The tables of a director in memory.
  init(_ memory: MemoryPlatform.State, _ folder: PinFolder) throws(DirectorError) {
    self.folder = folder
    self.memory = memory
    guard let config = memory.configuration.find(0), let run = memory.runtime.find(0),
      let state = operators.find(0), let ports = hostPorts.find(0), let ranges = memory.localRanges.find(0)
    else { throw .full(what: "memory") }
    configuration = MappedArray(at: config, count: 1)
    runtime = MappedArray(at: run, count: 1)
    operatorState = MappedArray(at: state, count: 1)
    serviceIndex = ServiceIndex(memory.services)
    devices = .absent
    connections = .absent
    events = .absent
    services = RecordPool(memory.serviceRecords, name: "service")
    servers = RecordPool(memory.servers, name: "server")
    hashTables = RecordPool(memory.hashTables, name: "hash table")
    localities = LocalityTable(inMemory: ())
    exchanges = RecordPool(memory.exchanges, name: "exchange")
    divertedPorts = MappedArray(at: ports, count: Int(SVS_DIVERTED_PROTOCOLS))
    localRanges = MappedArray(at: ranges, count: Int(SVS_LOCAL_RANGES))
    serverCounters = CounterPool(memory.serverCounters, name: "server counter")
  }

  /// Of a director in memory: what commands keep for each other.
  private let operators = MemoryPool<svs_operator>(capacity: 1)
  private let hostPorts = MemoryPool<svs_ports>(capacity: Int(SVS_DIVERTED_PROTOCOLS))

  /// The clock that connections live by, in ticks.
  var now: UInt32 {
    guard let memory else { return Ticks.now }
    return UInt32(truncatingIfNeeded: memory.clock >> UInt64(SVS_TICK_SHIFT))
  }
}

/// Where packets find a service's number by its key.
final class ServiceIndex {
  private let map: BPFMap
  private let memory: MemoryHash<svs_service_key, UInt32>?

  init(_ map: consuming BPFMap) {
    self.map = map
    memory = nil
  }

  init(_ memory: MemoryHash<svs_service_key, UInt32>) {
    map = .absent
    self.memory = memory
  }

  func find(_ key: svs_service_key) -> UInt32? {
    if let memory { return memory.find(key)?.pointee }
    return map.find(key, UInt32(0))
  }

  func update(_ key: svs_service_key, _ index: UInt32) throws(DirectorError) {
    guard let memory else { return try map.update(key, index, "services") }
    if memory.replace(key, index) != .inserted { throw .full(what: "services") }
  }

  func remove(_ key: svs_service_key) {
    if let memory { memory.remove(key) } else { map.remove(key) }
  }
}
