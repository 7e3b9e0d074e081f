import CLibbpf
import DataplaneObject
import Glibc
import HostSystem
import Netlink

/// The XDP program that stands in for a tunnel device, and its table of addresses (bpf/decapsulator).
///
/// It is attached by netlink, with nothing pinned: it lives as long as its interface, and is found again through it.
enum Decapsulator {
  private static let programName = "svs_decapsulator"
  private static let tableName = "svs_decap_addresses"

  // SVS_DECAP_TUNNEL_END and SVS_DECAP_VIP of bpf/decapsulator/include/decapsulator.h.
  private static let tunnelEnd: UInt32 = 1
  private static let vip: UInt32 = 2

  /// The interfaces that have an address at which a director's tunnel could end.
  static func interfaces() throws(RealServerError) -> [String] {
    let found = try network { () throws(NetlinkError) in
      let socket = try NetlinkSocket()
      let addresses = try socket.addresses().filter { !$0.prefix.address.isLinkLocal }
      return try socket.interfaces().filter { interface in
        !interface.flags.contains(.loopback) && interface.flags.contains(.up) && interface.hardwareType == 1
          && addresses.contains { $0.interfaceIndex == interface.index }
      }
    }
    guard !found.isEmpty else { throw .noTunnelEnd }
    return found.map(\.name)
  }

  /// Puts the program on an interface and its addresses into the table; false if it was there.
  static func attach(_ interface: String) throws(RealServerError) -> Bool {
    let (index, isOurs) = try look(at: interface)
    let program = try findOrLoad()
    if !isOurs { try attach(program, index, interface) }
    try add(tunnelEndsTo: program.table)
    return !isOurs
  }

  /// Takes the program off an interface; false if it was not there.
  static func detach(_ interface: String) throws(RealServerError) -> Bool {
    let index: UInt32
    let isOurs: Bool
    do {
      (index, isOurs) = try look(at: interface)
    } catch {
      // The interface is gone, or somebody put another program there.
      if case .network(let reason) = error, reason.code == ENODEV { return false }
      if case .occupied = error { return false }
      throw error
    }
    guard isOurs else { return false }
    let result = bpf_xdp_detach(Int32(bitPattern: index), 0, nil)
    guard result == 0 else { throw .decapsulator(-result, "detach the decapsulator from \(interface)") }
    return true
  }

  /// Has packets for a VIP unpacked.
  static func accept(_ address: IPAddress) throws(RealServerError) {
    guard let running = try findRunning() else {
      throw .decapsulator(ENOENT, "find the decapsulator that was just attached")
    }
    try set(vip, address, in: running.table)
  }

  static func forget(_ address: IPAddress) throws(RealServerError) {
    guard let running = try findRunning() else { return }
    var key = key(address)
    let result = bpf_map_delete_elem(running.table.number, &key)
    guard result == 0 || result == -ENOENT else { throw .decapsulator(-result, "forget \(address)") }
  }

  // MARK: The program and its table

  /// Descriptors of the program and the table, wherever they came from.
  private struct Program: ~Copyable {
    let program: Descriptor
    let table: Descriptor
  }

  /// An interface's index, and whether the program on it is ours; another's is an error.
  private static func look(at name: String) throws(RealServerError) -> (index: UInt32, isOurs: Bool) {
    let interface = try network { () throws(NetlinkError) in try NetlinkSocket().interface(named: name) }
    guard let xdp = interface.xdp else { return (interface.index, false) }
    guard let id = xdp.programID, open(id) != nil else { throw .occupied(interface: name) }
    return (interface.index, true)
  }

  /// The decapsulator on any interface of this namespace.
  private static func findRunning() throws(RealServerError) -> Program? {
    let interfaces = try network { () throws(NetlinkError) in try NetlinkSocket().interfaces() }
    for id in Set(interfaces.compactMap(\.xdp?.programID)) {
      if let program = open(id) { return program }
    }
    return nil
  }

  private static func findOrLoad() throws(RealServerError) -> Program {
    if let program = try findRunning() { return program }
    return try load()
  }

  /// Opens a program by its id if it is a decapsulator.
  private static func open(_ id: UInt32) -> Program? {
    let number = bpf_prog_get_fd_by_id(id)
    guard number >= 0 else { return nil }
    let program = Descriptor(number)
    var maps = [UInt32](repeating: 0, count: 8)
    let (name, mapCount) = maps.withUnsafeMutableBufferPointer { buffer in
      var info = bpf_prog_info()
      var size = UInt32(MemoryLayout<bpf_prog_info>.size)
      info.nr_map_ids = UInt32(buffer.count)
      info.map_ids = UInt64(UInt(bitPattern: buffer.baseAddress))
      guard bpf_obj_get_info_by_fd(number, &info, &size) == 0 else { return ("", 0) }
      return (text(of: info.name), Int(min(info.nr_map_ids, UInt32(buffer.count))))
    }
    // The kernel keeps 15 bytes of a name.
    guard name == programName.prefix(15) else { return nil }
    for map in maps.prefix(mapCount) {
      let number = bpf_map_get_fd_by_id(map)
      guard number >= 0 else { continue }
      let table = Descriptor(number)
      var info = bpf_map_info()
      var size = UInt32(MemoryLayout<bpf_map_info>.size)
      if bpf_obj_get_info_by_fd(number, &info, &size) == 0, text(of: info.name) == tableName.prefix(15),
        info.key_size == 16, info.value_size == 4
      {
        return Program(program: program, table: table)
      }
    }
    return nil
  }

  private static func text<T>(of characters: T) -> String {
    withUnsafeBytes(of: characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }

  private static func load() throws(RealServerError) -> Program {
    // libbpf would write to standard error; what went wrong is in what we throw.
    libbpf_set_print(nil)
    let bytes = DataplaneObject.decapsulator
    guard let object = bytes.withUnsafeBytes({ bpf_object__open_mem($0.baseAddress, $0.count, nil) }) else {
      throw .decapsulator(errno, "read the decapsulator's object")
    }
    defer { bpf_object__close(object) }
    let result = bpf_object__load(object)
    guard result == 0 else { throw .decapsulator(-result, "load the decapsulator") }
    guard let program = bpf_object__find_program_by_name(object, programName),
      let table = bpf_object__find_map_by_name(object, tableName)
    else { throw .decapsulator(ENOENT, "find the decapsulator in its object") }
    // The object closes its own descriptors.
    let copies = (
      fcntl(bpf_program__fd(program), F_DUPFD_CLOEXEC, 3), fcntl(bpf_map__fd(table), F_DUPFD_CLOEXEC, 3)
    )
    guard copies.0 >= 0, copies.1 >= 0 else { throw .decapsulator(errno, "keep the decapsulator") }
    return Program(program: Descriptor(copies.0), table: Descriptor(copies.1))
  }

  private static func attach(
    _ loaded: borrowing Program, _ index: UInt32, _ interface: String
  ) throws(RealServerError) {
    let modes = [UInt32(XDP_FLAGS_DRV_MODE), UInt32(XDP_FLAGS_SKB_MODE)]
    var result: CInt = 0
    for mode in modes {
      result = bpf_xdp_attach(
        Int32(bitPattern: index), loaded.program.number, mode | UInt32(XDP_FLAGS_UPDATE_IF_NOEXIST), nil)
      // A driver without XDP, or whose frames are too large for it: the generic hook comes a little later.
      guard result == -EOPNOTSUPP || result == -ERANGE || result == -EINVAL else { break }
    }
    if result == -EBUSY || result == -EEXIST { throw .occupied(interface: interface) }
    guard result == 0 else { throw .decapsulator(-result, "attach the decapsulator to \(interface)") }
  }

  private static func add(tunnelEndsTo table: borrowing Descriptor) throws(RealServerError) {
    let names = try interfaces()
    let addresses = try network { () throws(NetlinkError) in
      let socket = try NetlinkSocket()
      let indices = Set(try socket.interfaces().filter { names.contains($0.name) }.map(\.index))
      return try socket.addresses().filter { indices.contains($0.interfaceIndex) }
    }
    for address in addresses { try set(tunnelEnd, address.prefix.address, in: table) }
  }

  private static func set(
    _ role: UInt32, _ address: IPAddress, in table: borrowing Descriptor
  ) throws(RealServerError) {
    var key = key(address)
    var value: UInt32 = 0
    if bpf_map_lookup_elem(table.number, &key, &value) != 0 { value = 0 }
    value |= role
    let result = bpf_map_update_elem(table.number, &key, &value, UInt64(BPF_ANY))
    guard result == 0 else { throw .decapsulator(-result, "have the decapsulator know \(address)") }
  }

  /// IPv4 as ::ffff:a.b.c.d, words in network byte order.
  private static func key(_ address: IPAddress) -> (UInt32, UInt32, UInt32, UInt32) {
    address.family == .ipv6 ? address.words : (0, 0, UInt32(0xFFFF).bigEndian, address.words.0)
  }
}
