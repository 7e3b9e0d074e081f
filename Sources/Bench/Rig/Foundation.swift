import BenchTypes
import CLibbpf
import Glibc
import HostSystem
import Netlink

/// The first release's packet path, with tables of its own and one service in them, in the calling thread's namespace.
///
/// It stands beside a director of today and uses that one's hand-over pair; no device leads to it.
final class Foundation {
  /// The service and its only server.
  struct Rules {
    var service: IPAddress
    var server: IPAddress
    var transport: FramePlan.Transport
    var serverPort: UInt16
    var isNAT: Bool
  }

  private let object: BPFObject

  init(objects: String, connections: Int, _ rules: Rules) throws(SystemError) {
    let capacity = UInt32(connections)
    object = try BPFObject(
      "\(objects)/foundation.o",
      sizes: [
        "svs_flows4": capacity * 2, "svs_flows6": capacity * 2, "svs_connections": capacity, "svs_free_slots": capacity,
      ])
    try object.set("svs_config_map", 0, Self.configuration(capacity))
    for device in BenchNetwork.devices {
      let index = if_nametoindex(device)
      try object.set(
        "svs_devices", index,
        foundation_device(flags: UInt32(FOUNDATION_DEVICE_REDIRECT), lower: index, vlan: 0, reserved: 0))
    }
    try enter(rules)
    try startSweep()
  }

  func program() throws(SystemError) -> CInt { try object.program("svs_director") }

  private static func configuration(_ capacity: UInt32) -> foundation_config {
    var config = foundation_config()
    config.layout_version = 3
    config.connection_capacity = capacity
    (config.services_used, config.servers_used) = (1, 1)
    config.handover_ifindex = if_nametoindex("svs0")
    config.lookup_ifindex = if_nametoindex("svs1")
    config.sweep_period_us = 20_000
    config.probe_ticks = ticks(5)
    withUnsafeMutableBytes(of: &config.timeout) {
      // Nothing ends while it is measured.
      for state in 0..<16 { $0.storeBytes(of: ticks(900), toByteOffset: state * 4, as: UInt32.self) }
    }
    return config
  }

  private static func ticks(_ seconds: UInt64) -> UInt32 {
    UInt32(truncatingIfNeeded: seconds * 1_000_000_000 >> UInt64(FOUNDATION_TICK_SHIFT))
  }

  private func enter(_ rules: Rules) throws(SystemError) {
    let family = rules.service.family.rawValue
    let key = foundation_service_key(
      vip: foundation_addr(rules.service), port: UInt16(80).bigEndian, proto: rules.transport.rawValue, family: family)
    var server = foundation_server()
    server.status = UInt32(FOUNDATION_LIVE)
    server.weight = 1
    server.last_weight = 1
    server.addr = foundation_addr(rules.server)
    server.port = rules.serverPort.bigEndian
    server.family = family
    server.method = rules.isNAT ? 0 : 1
    server.home = key
    var service = foundation_service()
    service.key = key
    service.status = UInt32(FOUNDATION_LIVE)
    service.first = 1
    service.server_count = 1
    service.scheduler = UInt8(FOUNDATION_ROUND_ROBIN)
    try add("svs_server_pool", server)
    try add("svs_service_pool", service)
    _ = try addChunk("svs_server_counters", BPF_MAP_TYPE_PERCPU_ARRAY, size: MemoryLayout<foundation_counters>.size)
    var (index, number) = (key, UInt32(0))
    guard bpf_map_update_elem(try object.map("svs_services"), &index, &number, 0) == 0 else {
      throw .last("enter a service")
    }
  }

  /// A pool's first chunk, with its first record.
  private func add<Record: BitwiseCopyable>(_ pool: String, _ record: Record) throws(SystemError) {
    let chunk = try addChunk(pool, BPF_MAP_TYPE_ARRAY, size: MemoryLayout<Record>.size)
    var (first, record) = (UInt32(0), record)
    guard bpf_map_update_elem(chunk.number, &first, &record, 0) == 0 else { throw .last("write into \(pool)") }
  }

  /// From here on the pool keeps the chunk.
  private func addChunk(_ pool: String, _ type: bpf_map_type, size: Int) throws(SystemError) -> Descriptor {
    var options = bpf_map_create_opts()
    options.sz = MemoryLayout<bpf_map_create_opts>.size
    options.map_flags = type == BPF_MAP_TYPE_ARRAY ? UInt32(BPF_F_MMAPABLE) : 0
    let chunk = try Descriptor(
      checking: bpf_map_create(type, "chunk", 4, UInt32(size), UInt32(FOUNDATION_CHUNK_SIZE), &options),
      "make a chunk of \(pool)")
    try object.set(pool, 0, UInt32(bitPattern: chunk.number))
    return chunk
  }

  /// The timer that looks for what has expired ran beside every packet, and does so here.
  private func startSweep() throws(SystemError) {
    var frame = [UInt8](repeating: 0, count: 64)
    let program = try object.program("svs_arm")
    let result = frame.withUnsafeMutableBytes { bytes in
      var options = bpf_test_run_opts()
      options.sz = MemoryLayout<bpf_test_run_opts>.size
      options.data_in = UnsafeRawPointer(bytes.baseAddress)
      options.data_size_in = UInt32(bytes.count)
      options.repeat = 1
      return bpf_prog_test_run_opts(program, &options)
    }
    guard result == 0 else { throw .last("start the first release's sweep") }
  }
}

extension foundation_addr {
  fileprivate init(_ address: IPAddress) {
    let words = address.words
    self.init(w0: words.0, w1: words.1, w2: words.2, w3: words.3)
  }
}
