import CLibbpf
import Glibc
import Netlink

/// Programs at the traffic control of devices (tc-bpf(8)), as filters of a clsact queueing discipline.
enum TrafficControl {
  /// A filter's place: of one device and direction, lower priorities are asked first.
  struct Place {
    var interface: UInt32
    var point: bpf_tc_attach_point
    var priority: UInt32 = 1

    fileprivate var hook: bpf_tc_hook {
      var hook = bpf_tc_hook()
      hook.sz = TrafficControl.extent(\bpf_tc_hook.parent)
      hook.ifindex = Int32(interface)
      hook.attach_point = point
      return hook
    }

    fileprivate var options: bpf_tc_opts {
      var options = bpf_tc_opts()
      options.sz = TrafficControl.extent(\bpf_tc_opts.priority)
      options.handle = 1
      options.priority = priority
      return options
    }
  }

  /// Puts a program there, in the place of one that is there already.
  static func attach(_ program: Int32, named name: String, at place: Place) throws(DirectorError) {
    libbpf_set_print(nil)
    var hook = place.hook
    let made = bpf_tc_hook_create(&hook)
    guard made == 0 || made == -EEXIST else {
      throw .system(doing: "make the hook of \(name)", errno: -made)
    }
    var options = place.options
    options.prog_fd = program
    options.flags = BPF_TC_F_REPLACE.rawValue
    let attached = bpf_tc_attach(&hook, &options)
    guard attached == 0 else { throw .system(doing: "attach \(name)", errno: -attached) }
  }

  /// The number that the kernel gave the program there; nil where there is none.
  static func program(at place: Place) -> UInt32? {
    // It would tell on stderr of every filter that is not there.
    libbpf_set_print(nil)
    var hook = place.hook
    var options = place.options
    return bpf_tc_query(&hook, &options) == 0 ? options.prog_id : nil
  }

  /// Takes away what `attach` put there, and the queueing discipline where no filter is left of anybody.
  static func detach(_ place: Place) {
    guard program(at: place) != nil else { return }
    var hook = place.hook
    var options = place.options
    guard bpf_tc_detach(&hook, &options) == 0 else { return }
    guard (try? NetlinkSocket().hasFilters(interfaceIndex: place.interface)) == false else { return }
    hook.attach_point = bpf_tc_attach_point(BPF_TC_INGRESS.rawValue | BPF_TC_EGRESS.rawValue)
    bpf_tc_hook_destroy(&hook)
  }

  /// The size of a structure up to its last field: libbpf refuses padding that is not 0, which Swift leaves as it is.
  private static func extent<Options, Field>(_ last: KeyPath<Options, Field>) -> Int {
    (MemoryLayout<Options>.offset(of: last) ?? 0) + MemoryLayout<Field>.size
  }
}
