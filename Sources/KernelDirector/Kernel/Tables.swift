import CLibbpf
import DataplaneTypes
import Glibc

/// The maps of one namespace's director, open.
final class Tables {
  let folder: PinFolder
  let configuration: MappedArray<svs_config>
  let runtime: MappedArray<svs_runtime>
  let operatorState: MappedArray<svs_operator>
  let serviceIndex: BPFMap
  let services: RecordPool<svs_service>
  let servers: RecordPool<svs_server>
  let hashTables: RecordPool<svs_table>
  let localities: LocalityTable
  let serverCounters: CounterPool
  let devices: BPFMap
  let connections: BPFMap
  let events: BPFMap

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
    serviceIndex = try BPFMap(pinnedAt: folder.pin("svs_services"))
    devices = try BPFMap(pinnedAt: folder.pin("svs_devices"))
    connections = try BPFMap(pinnedAt: folder.pin("svs_connections"))
    events = try BPFMap(pinnedAt: folder.pin("svs_events"))
    let chunk = Int(SVS_CHUNK_SIZE)
    services = RecordPool(try BPFMap(pinnedAt: folder.pin("svs_service_pool")), name: "service", chunkSize: chunk)
    servers = RecordPool(try BPFMap(pinnedAt: folder.pin("svs_server_pool")), name: "server", chunkSize: chunk)
    hashTables = RecordPool(
      try BPFMap(pinnedAt: folder.pin("svs_table_pool")), name: "hash table", chunkSize: Int(SVS_TABLE_CHUNK_SIZE))
    localities = LocalityTable(try BPFMap(pinnedAt: folder.pin("svs_locality_pool")))
    serverCounters = CounterPool(try BPFMap(pinnedAt: folder.pin("svs_server_counters")), name: "server counter")
  }
}
