import CLibbpf
import Glibc

/// Where a device's packets enter the network stack, and the program of ours that looks at them there.
///
/// From Linux 6.6 on a device has a list of programs (tcx, BPF_TCX_INGRESS of linux/bpf.h). Before, they are filters of a
/// clsact queueing discipline, which has each packet wait longer (docs/decisions/0023). The list's programs come before all
/// filters; what ours leaves alone goes on to those after it.
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
  func program() throws(DirectorError) -> IngressProgram? {
    for number in try programs {
      if let program = IngressProgram(number: number), program.name != nil { return program }
    }
    return nil
  }

  /// Whether the program with this number, the kernel's, is there.
  func holds(_ number: UInt32) throws(DirectorError) -> Bool { try programs.contains(number) }

  /// Puts a program there, in the place of the one of ours that is there.
  ///
  /// - Parameter device: the interface's name, for errors.
  func attach(_ program: borrowing IngressProgram, at device: String) throws(DirectorError) {
    let title = "\(program.title) at \(device)"
    guard let listed = try list else {
      if TrafficControl.program(at: filter) == program.number { return }
      return try TrafficControl.attach(program.descriptor, named: title, at: filter)
    }
    if listed.contains(program.number) { return }
    if let old = try self.program() {
      try enlist(program, replacing: old.descriptor, titled: title)
    } else {
      try enlist(program, replacing: nil, titled: title)
    }
    // Of a director that an SVS without lists made.
    TrafficControl.detach(filter)
  }

  /// Takes away what `attach` put there, as far as that can be done.
  func detach() {
    TrafficControl.detach(filter)
    for number in (try? list) ?? [] {
      guard let program = IngressProgram(number: number), program.name != nil else { continue }
      _ = bpf_prog_detach2(program.descriptor, Int32(bitPattern: interface), Self.point)
    }
  }

  private func enlist(
    _ program: borrowing IngressProgram, replacing old: Int32?, titled title: String
  ) throws(DirectorError) {
    var options = bpf_prog_attach_opts()
    options.sz = MemoryLayout<bpf_prog_attach_opts>.size
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

  /// The numbers of the programs in the list, or of the filter.
  private var programs: [UInt32] {
    get throws(DirectorError) {
      if let list = try list { return list }
      return TrafficControl.program(at: filter).map { [$0] } ?? []
    }
  }

  /// The numbers of the list's programs; nil where the kernel has no lists.
  private var list: [UInt32]? {
    get throws(DirectorError) {
      var numbers = [UInt32](repeating: 0, count: Self.longestList)
      var count = UInt32(numbers.count)
      let result = bpf_prog_query(Int32(bitPattern: interface), Self.point, 0, nil, &numbers, &count)
      switch -result {
      case 0: return Array(numbers.prefix(Int(count)))
      case EINVAL: return nil
      // The device has gone: whoever attaches to it is told so.
      case ENODEV: return []
      case let code: throw .system(doing: "list the programs at interface \(interface)", errno: code)
      }
    }
  }
}
