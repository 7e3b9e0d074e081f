import CLibbpf
import Glibc

/// Where a device's packets enter the network stack, and the program of ours that looks at them there.
///
/// From Linux 6.6 on a device has a list of programs (tcx, BPF_TCX_INGRESS of linux/bpf.h). Before, they are filters of a
/// clsact queueing discipline, and every packet pays twice as much for each. What this program leaves alone goes on to
/// those of others: the list's come before all filters.
struct DeviceIngress {
  /// A filter's place among those of other people.
  private static let priority: UInt32 = 5_356
  // Of linux/bpf.h: libbpf may have come with an older one.
  private static let point = bpf_attach_type(rawValue: 46)
  private static let replacing: UInt32 = 1 << 2
  /// BPF_MPROG_MAX of the kernel's linux/bpf_mprog.h.
  private static let longestList = 64

  let interface: UInt32

  /// The program of ours that is there.
  var program: IngressProgram? {
    for number in list ?? [TrafficControl.program(at: filter)].compactMap({ $0 }) {
      if let program = IngressProgram(number: number), program.name != nil { return program }
    }
    return nil
  }

  /// Whether the program with this number, the kernel's, is there.
  func holds(_ number: UInt32) -> Bool {
    list?.contains(number) ?? (TrafficControl.program(at: filter) == number)
  }

  /// Puts a program there, in the place of the one of ours that is there.
  ///
  /// - Parameter title: the program and the device, for errors.
  func attach(_ program: borrowing IngressProgram, titled title: String) throws(DirectorError) {
    if holds(program.number) { return }
    if list == nil {
      try TrafficControl.attach(program.descriptor, named: title, at: filter)
    } else if let old = self.program {
      try attach(program, replacing: old.descriptor, titled: title)
    } else {
      try attach(program, replacing: nil, titled: title)
    }
  }

  /// Takes away what `attach` put there, if there is any.
  func detach() {
    TrafficControl.detach(filter)
    guard let program else { return }
    bpf_prog_detach2(program.descriptor, Int32(bitPattern: interface), Self.point)
  }

  private func attach(
    _ program: borrowing IngressProgram, replacing old: Int32?, titled title: String
  ) throws(DirectorError) {
    var options = bpf_prog_attach_opts()
    // Up to its last field: libbpf refuses padding that is not 0.
    options.sz = (MemoryLayout<bpf_prog_attach_opts>.offset(of: \.replace_prog_fd) ?? 0) + MemoryLayout<Int32>.size
    if let old {
      options.flags = Self.replacing
      options.replace_prog_fd = old
    }
    let result = bpf_prog_attach_opts(program.descriptor, Int32(bitPattern: interface), Self.point, &options)
    guard result == 0 else { throw .system(doing: "attach \(title)", errno: -result) }
  }

  private var filter: TrafficControl.Place {
    TrafficControl.Place(interface: interface, point: BPF_TC_INGRESS, priority: Self.priority)
  }

  /// The numbers of the list's programs; nil where the kernel has no lists.
  private var list: [UInt32]? {
    var numbers = [UInt32](repeating: 0, count: Self.longestList)
    var count = UInt32(numbers.count)
    let result = bpf_prog_query(Int32(bitPattern: interface), Self.point, 0, nil, &numbers, &count)
    if result == -EINVAL { return nil }
    // It has gone meanwhile: whoever attaches is told so.
    return result == 0 ? Array(numbers.prefix(Int(count))) : []
  }
}

/// A program at the ingress of devices, open.
struct IngressProgram: ~Copyable {
  /// What the programs of ours are called there, in the kernel and in the folder of pins.
  enum Name: String, CaseIterable {
    case device = "svs_divert"
    case port = "svs_divert_port"
  }

  let descriptor: Int32
  /// By which the kernel knows it.
  let number: UInt32
  /// Nil for one of somebody else's.
  let name: Name?

  init(_ name: Name, in folder: PinFolder) throws(DirectorError) {
    let path = folder.pin(name.rawValue)
    let file = bpf_obj_get(path)
    guard file >= 0 else { throw .system(doing: "open \(path)", errno: errno) }
    var info = bpf_prog_info()
    guard Self.look(file, &info) else {
      defer { close(file) }
      throw .system(doing: "look at \(path)", errno: errno)
    }
    descriptor = file
    number = info.id
    self.name = name
  }

  /// Nil where it has gone.
  init?(number: UInt32) {
    let file = bpf_prog_get_fd_by_id(number)
    guard file >= 0 else { return nil }
    var info = bpf_prog_info()
    guard Self.look(file, &info) else {
      close(file)
      return nil
    }
    descriptor = file
    self.number = number
    let name = withUnsafeBytes(of: info.name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    self.name = Name(rawValue: name)
  }

  deinit { close(descriptor) }

  private static func look(_ file: Int32, _ info: inout bpf_prog_info) -> Bool {
    var length = UInt32(MemoryLayout<bpf_prog_info>.size)
    return bpf_obj_get_info_by_fd(file, &info, &length) == 0
  }
}
