import CLibbpf
import Dataplane
import DataplaneObject
import DataplaneTypes
import Glibc

/// Loads the director's object and pins what is in it, whole or not at all.
enum DirectorObject {
  static let maps = [
    "svs_flows4", "svs_flows6", "svs_connections", "svs_free_slots", "svs_services", "svs_devices", "svs_service_pool",
    "svs_locality_pool", "svs_exchange_pool", "svs_local_ranges", "svs_way_map", "svs_fragment_map",
    "svs_allowance_map",
    "svs_server_pool", "svs_table_pool", "svs_server_counters", "svs_events",
    "svs_config_map", "svs_runtime_map", "svs_sweep_map", "svs_scratch", "svs_operator_map",
    "svs_diverted_ports",
  ]
  static let programs = ["svs_director", "svs_handover", "svs_stamp", "svs_divert", "svs_divert_port"]

  /// The connection table's size where nobody said another.
  static let defaultCapacity: UInt32 = 65_536
  static let capacities: ClosedRange<UInt32> = 1_024...16_777_216

  /// Loads the object for `capacity` connections and pins it into `folder`, which must not exist yet.
  ///
  /// `equip` is called with the folder of the pins before that has its name; what throws leaves nothing behind.
  static func install(
    in folder: String, capacity: UInt32, configure: (UnsafeMutablePointer<svs_config>) -> Void,
    equip: (String) throws(DirectorError) -> Void
  ) throws(DirectorError) {
    let bytes = DataplaneObject.director
    libbpf_set_print(nil)
    let object = bytes.withUnsafeBytes { bpf_object__open_mem($0.baseAddress, $0.count, nil) }
    guard let object else { throw .system(doing: "read the director's object", errno: errno) }
    defer { bpf_object__close(object) }
    // Behind the table's own connections each CPU has one for what is scheduled packet by packet.
    let perCPU = UInt32(max(libbpf_num_possible_cpus(), 1))
    let sizes = [
      ("svs_flows4", capacity * 2), ("svs_flows6", capacity * 2), ("svs_connections", capacity + perCPU),
      ("svs_free_slots", capacity),
    ]
    for (name, size) in sizes {
      guard let map = bpf_object__find_map_by_name(object, name), bpf_map__set_max_entries(map, size) == 0 else {
        throw .system(doing: "size \(name)", errno: errno)
      }
    }
    let loaded = bpf_object__load(object)
    if loaded != 0 { throw refusal(-loaded) }

    // bpffs allows no dots in names.
    let partial = folder + "-new"
    PinFolder.remove(partial)
    guard mkdir(partial, 0o700) == 0, mkdir(partial + "/links", 0o700) == 0 else {
      throw .system(doing: "make \(partial)", errno: errno)
    }
    var failure: DirectorError?
    do throws(DirectorError) {
      for name in maps {
        guard let map = bpf_object__find_map_by_name(object, name), bpf_map__pin(map, partial + "/" + name) == 0 else {
          throw .system(doing: "pin \(name)", errno: errno)
        }
      }
      for name in programs {
        guard let program = bpf_object__find_program_by_name(object, name),
          bpf_program__pin(program, partial + "/" + name) == 0
        else { throw .system(doing: "pin \(name)", errno: errno) }
      }
      let configuration = try MappedArray<svs_config>(mapDescriptor(object, "svs_config_map"), count: 1)
      configure(configuration[0])
      try arm(object)
      try equip(partial)
      guard rename(partial, folder) == 0 else { throw .system(doing: "name \(folder)", errno: errno) }
    } catch {
      failure = error
    }
    if let failure {
      PinFolder.remove(partial)
      throw failure
    }
  }

  private static func mapDescriptor(_ object: OpaquePointer, _ name: String) -> Int32 {
    bpf_object__find_map_fd_by_name(object, name)
  }

  /// Starts the sweep: its timer can only be armed by a program.
  private static func arm(_ object: OpaquePointer) throws(DirectorError) {
    let program = bpf_program__fd(bpf_object__find_program_by_name(object, "svs_arm"))
    var frame = [UInt8](repeating: 0, count: 64)
    let result = frame.withUnsafeMutableBytes { data in
      var options = bpf_test_run_opts()
      options.sz = MemoryLayout<bpf_test_run_opts>.size
      options.data_in = UnsafeRawPointer(data.baseAddress)
      options.data_size_in = UInt32(data.count)
      options.`repeat` = 1
      return (bpf_prog_test_run_opts(program, &options), options.retval)
    }
    guard result.0 == 0 else { throw .system(doing: "start the sweep", errno: errno) }
    guard result.1 == UInt32(Verdict.pass.rawValue) else {
      throw .system(doing: "arm the sweep's timer", errno: EINVAL)
    }
  }

  /// What a failed load means to the one who asked for it.
  private static func refusal(_ error: Int32) -> DirectorError {
    switch error {
    case EPERM, EACCES: geteuid() == 0 ? .unsupportedKernel(kernelNeeds) : .notPermitted
    case EINVAL, EOPNOTSUPP, E2BIG: .unsupportedKernel(kernelNeeds)
    default: .system(doing: "load the director into the kernel", errno: error)
    }
  }

  static let kernelNeeds = "the kernel refuses the director's program: Linux 6.1 or later with BPF and BTF is needed"
}
