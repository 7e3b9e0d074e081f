import Kernel
import SocketDataplaneTypes

// The kernel's hooks at which programs of a control group name addresses (BPF_PROG_TYPE_CGROUP_SOCK_ADDR). 1 lets the
// system call go on, with the address as it stands then; 0 ends it.

@c(svs_swift_connect4)
public func connect4(_ context: UnsafeMutablePointer<bpf_sock_addr>) -> Int32 {
  Hook(context).connect4()
}

@c(svs_swift_connect6)
public func connect6(_ context: UnsafeMutablePointer<bpf_sock_addr>) -> Int32 {
  Hook(context).connect6()
}

@c(svs_swift_sendmsg4)
public func sendmsg4(_ context: UnsafeMutablePointer<bpf_sock_addr>) -> Int32 {
  Hook(context).send4()
}

@c(svs_swift_sendmsg6)
public func sendmsg6(_ context: UnsafeMutablePointer<bpf_sock_addr>) -> Int32 {
  Hook(context).send6()
}

@c(svs_swift_recvmsg4)
public func recvmsg4(_ context: UnsafeMutablePointer<bpf_sock_addr>) -> Int32 {
  let hook = Hook(context)
  var address = hook.address4
  if hook.translation.receive(&address) { hook.write4(address) }
  return 1
}

@c(svs_swift_recvmsg6)
public func recvmsg6(_ context: UnsafeMutablePointer<bpf_sock_addr>) -> Int32 {
  let hook = Hook(context)
  var address = hook.address6
  if hook.translation.receive(&address) { hook.write6(address) }
  return 1
}

@c(svs_swift_getpeername4)
public func getpeername4(_ context: UnsafeMutablePointer<bpf_sock_addr>) -> Int32 {
  let hook = Hook(context)
  var address = hook.address4
  if hook.translation.peerName(&address) { hook.write4(address) }
  return 1
}

@c(svs_swift_getpeername6)
public func getpeername6(_ context: UnsafeMutablePointer<bpf_sock_addr>) -> Int32 {
  let hook = Hook(context)
  var address = hook.address6
  if hook.translation.peerName(&address) { hook.write6(address) }
  return 1
}

/// One call of a hook: its address in and out.
struct Hook {
  let context: UnsafeMutablePointer<bpf_sock_addr>

  @inline(__always) init(_ context: UnsafeMutablePointer<bpf_sock_addr>) { self.context = context }

  @inline(__always) var translation: SocketTranslation<HookPlatform> {
    SocketTranslation(HookPlatform(context: context))
  }

  @inline(__always) func connect4() -> Int32 {
    var address = address4
    let verdict = translation.connect(&address)
    if verdict == .translate { write4(address) }
    return conclude(verdict)
  }

  @inline(__always) func connect6() -> Int32 {
    var address = address6
    let verdict = translation.connect(&address)
    if verdict == .translate { write6(address) }
    return conclude(verdict)
  }

  @inline(__always) func send4() -> Int32 {
    var address = address4
    let verdict = translation.send(&address)
    if verdict == .translate { write4(address) }
    return conclude(verdict)
  }

  @inline(__always) func send6() -> Int32 {
    var address = address6
    let verdict = translation.send(&address)
    if verdict == .translate { write6(address) }
    return conclude(verdict)
  }

  /// What the system call returns where it ends here is ECONNREFUSED, not EPERM.
  @inline(__always) private func conclude(_ verdict: SocketVerdict) -> Int32 {
    guard verdict == .refuse else { return 1 }
    _ = bpf_set_retval(-111)
    return 0
  }

  @inline(__always) var address4: svs_sock_address {
    svs_sock_address(
      words: (0, 0, UInt32(0xFFFF).bigEndian, svs_hook_word(context)), port: svs_hook_port(context),
      protocol: protocolNumber, zero: 0)
  }

  @inline(__always) var address6: svs_sock_address {
    var address = svs_sock_address(words: (0, 0, 0, 0), port: svs_hook_port(context), protocol: protocolNumber, zero: 0)
    withUnsafeMutablePointer(to: &address) { svs_hook_words(context, svs_sock_words($0)) }
    return address
  }

  @inline(__always) func write4(_ address: svs_sock_address) {
    svs_hook_set_word(context, address.words.3)
    svs_hook_set_port(context, address.port)
  }

  @inline(__always) func write6(_ address: svs_sock_address) {
    withUnsafePointer(to: address) {
      svs_hook_set_words(context, svs_sock_words(UnsafeMutablePointer(mutating: $0)))
    }
    svs_hook_set_port(context, address.port)
  }

  /// 0, which no service has, for what has a number of more than eight bits. MPTCP, 262, comes here by its subflows.
  @inline(__always) private var protocolNumber: UInt8 {
    let number = svs_hook_protocol(context)
    return number < 256 ? UInt8(truncatingIfNeeded: number) : 0
  }
}
