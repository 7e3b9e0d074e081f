import CLibbpf
import DataplaneObject
import Glibc
import HostSystem
import SocketDataplaneTypes

/// Loads the hooks' object, pins what is in it and attaches it: whole or not at all.
enum SocketObject {
  static let maps = [
    "svs_sock_places", "svs_sock_addresses", "svs_sock_services", "svs_sock_slots", "svs_sock_endpoints",
    "svs_sock_affinity", "svs_sock_senders", "svs_sock_sources", "svs_sock_peers", "svs_sock_state",
  ]

  /// The programs, and where they belong (enum bpf_attach_type of linux/bpf.h).
  static let hooks = [
    ("connect4", BPF_CGROUP_INET4_CONNECT), ("connect6", BPF_CGROUP_INET6_CONNECT),
    ("sendmsg4", BPF_CGROUP_UDP4_SENDMSG), ("sendmsg6", BPF_CGROUP_UDP6_SENDMSG),
    ("recvmsg4", BPF_CGROUP_UDP4_RECVMSG), ("recvmsg6", BPF_CGROUP_UDP6_RECVMSG),
    ("getpeername4", BPF_CGROUP_INET4_GETPEERNAME), ("getpeername6", BPF_CGROUP_INET6_GETPEERNAME),
  ]

  static let linkPrefix = "link_"

  static func install(
    in folder: PinnedFolder, _ capacity: ServiceTranslator.Capacity
  ) throws(ServiceTranslationError) {
    let bytes = DataplaneObject.sockets
    // libbpf would write to standard error; what went wrong is in what is thrown.
    libbpf_set_print(nil)
    guard let object = bytes.withUnsafeBytes({ bpf_object__open_mem($0.baseAddress, $0.count, nil) }) else {
      throw .last("read the socket hooks' object")
    }
    defer { bpf_object__close(object) }
    try size(object, capacity)
    let loaded = bpf_object__load(object)
    guard loaded == 0 else { throw refusal(-loaded) }

    // What a run left that ended on the way.
    try folder.remove(folder.unfinished)
    do throws(ServiceTranslationError) {
      guard mkdir(folder.unfinished, 0o700) == 0 else { throw .last("make \(folder.unfinished)") }
      try pin(object, in: folder.unfinished)
      try attach(object, in: folder.unfinished)
      guard rename(folder.unfinished, folder.path) == 0 else {
        throw .last("name \(folder.path)")
      }
    } catch {
      try? folder.remove(folder.unfinished)
      throw error
    }
  }

  private static func size(
    _ object: OpaquePointer, _ capacity: ServiceTranslator.Capacity
  ) throws(ServiceTranslationError) {
    // What is new stands beside what it replaces until that goes; lists, which differ in length, need room for gaps too.
    let sizes = [
      ("svs_sock_addresses", capacity.services * 4), ("svs_sock_services", capacity.services * 2),
      ("svs_sock_slots", capacity.endpoints * 4), ("svs_sock_endpoints", capacity.endpoints * 2),
      ("svs_sock_affinity", capacity.sockets), ("svs_sock_senders", capacity.sockets),
      ("svs_sock_sources", capacity.sockets),
    ]
    for (name, size) in sizes {
      guard let map = bpf_object__find_map_by_name(object, name), bpf_map__set_max_entries(map, UInt32(size)) == 0
      else { throw .last("size \(name)") }
    }
  }

  private static func pin(_ object: OpaquePointer, in folder: String) throws(ServiceTranslationError) {
    for name in maps {
      guard let map = bpf_object__find_map_by_name(object, name), bpf_map__pin(map, folder + "/" + name) == 0 else {
        throw .last("pin \(name)")
      }
    }
    let state = try SharedArray<svs_sock_state>(
      bpf_object__find_map_fd_by_name(object, "svs_sock_state"), "svs_sock_state")
    state[0].pointee.layout = SVS_SOCK_LAYOUT
  }

  private static func attach(_ object: OpaquePointer, in folder: String) throws(ServiceTranslationError) {
    let root = try ControlGroups.openRoot()
    for (name, type) in hooks {
      guard let program = bpf_object__find_program_by_name(object, "svs_" + name) else { throw .last("find \(name)") }
      // Links go beside those of others at the same place.
      let link = bpf_link_create(bpf_program__fd(program), root.number, type, nil)
      guard link >= 0 else { throw .from(-link, "attach \(name) to the control groups") }
      defer { close(link) }
      guard bpf_obj_pin(link, folder + "/" + linkPrefix + name) == 0 else { throw .last("pin the link of \(name)") }
    }
  }

  private static func refusal(_ code: CInt) -> ServiceTranslationError {
    switch code {
    case EPERM, EACCES: geteuid() == 0 ? .unsupportedKernel(errno: code) : .notPermitted
    case EINVAL, EOPNOTSUPP, E2BIG: .unsupportedKernel(errno: code)
    default: .system(doing: "load the socket hooks into the kernel", errno: code)
    }
  }
}
