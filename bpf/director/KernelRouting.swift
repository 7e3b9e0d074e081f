import DataplaneTypes
import Kernel

extension svs_mac {
  @inline(__always) init(_ m: (UInt8, UInt8, UInt8, UInt8, UInt8, UInt8)) {
    self.init(
      a: UInt16(m.0) | UInt16(m.1) << 8, b: UInt16(m.2) | UInt16(m.3) << 8, c: UInt16(m.4) | UInt16(m.5) << 8)
  }
}

extension XDPPlatform {
  /// Asks the kernel's FIB and neighbour tables.
  ///
  /// The look-up is made as if the packet had come in by svs1, where forwarding is on: the operator's own devices
  /// need not forward. The MTU check is left to the caller, since the length before encapsulation says nothing.
  @inline(__always) func route(_ query: inout RouteQuery) {
    guard let config = configuration.find(0) else { return }
    let inner = config.pointee.lookup_ifindex
    ask(&query, as: inner != 0 ? inner : ingress)
  }

  /// Asked as if at svs0: a route of the director's own prohibits there what has no other. With the mark, since the
  /// operator's rules may route by it. Linux takes it since 6.10; and rules that stand beside the director's, at priority
  /// 0, are skipped. Of such rules user space has told.
  @inline(__always) func isReachable(_ flow: UnsafePointer<svs_flow_key>, mark: UInt32) -> Bool {
    guard let config = configuration.find(0) else { return false }
    let interface = config.pointee.handover_ifindex
    var query = RouteQuery(family: flow.pointee.family, source: flow.pointee.src, destination: flow.pointee.dst)
    let isUnderstood = ask(&query, as: interface, mark: mark) >= 0
    if isUnderstood, query.outcome != .unreachable { return true }
    let four = flow.pointee.family == Family.ipv4
    if config.pointee.routed_marks & UInt32(four ? SVS_ROUTED_4 : SVS_ROUTED_6) != 0 { return true }
    if isUnderstood { return false }
    ask(&query, as: interface)
    return query.outcome != .unreachable
  }

  /// What the helper returned: less than 0 where it does not know the question.
  @inline(__always) @discardableResult
  private func ask(_ query: inout RouteQuery, as interface: UInt32, mark: UInt32 = 0) -> Int32 {
    var fib = bpf_fib_lookup()
    let four = query.family == Family.ipv4
    if mark != 0 { fib.put(mark: mark) }
    fib.family = query.family
    fib.ifindex = interface
    if four {
      fib.ipv4_src = query.source.w0
      fib.ipv4_dst = query.destination.w0
    } else {
      fib.ipv6_src = (query.source.w0, query.source.w1, query.source.w2, query.source.w3)
      fib.ipv6_dst = (query.destination.w0, query.destination.w1, query.destination.w2, query.destination.w3)
    }
    let result = Int32(
      truncatingIfNeeded: bpf_fib_lookup(
        UnsafeMutableRawPointer(context), &fib, Int32(MemoryLayout<bpf_fib_lookup>.size),
        mark != 0 ? SVS_FIB_LOOKUP_MARK : 0))
    if result == Int32(BPF_FIB_LKUP_RET_SUCCESS) || result == Int32(BPF_FIB_LKUP_RET_NO_NEIGH) {
      query.outcome = result == Int32(BPF_FIB_LKUP_RET_SUCCESS) ? .resolved : .unresolved
      query.ifindex = fib.ifindex
      query.mtu = query.outcome == .resolved ? fib.mtu_result : 0
      query.destinationMAC = svs_mac(fib.dmac)
      query.sourceMAC = svs_mac(fib.smac)
      // The kernel writes the gateway over the destination, and its family over the question's.
      query.nextHopFamily = fib.family
      if fib.family == Family.ipv4 {
        query.nextHop = svs_addr(ipv4: fib.ipv4_dst)
      } else {
        let d = fib.ipv6_dst
        query.nextHop = svs_addr(w0: d.0, w1: d.1, w2: d.2, w3: d.3)
      }
    } else if result == Int32(BPF_FIB_LKUP_RET_NOT_FWDED) {
      query.outcome = .notForwarded
    } else {
      query.outcome = .unreachable
    }
    return result
  }
}

extension bpf_fib_lookup {
  /// The mark of the question stands where the answer has its MAC addresses, since Linux 6.10.
  @inline(__always) fileprivate mutating func put(mark: UInt32) {
    smac.0 = UInt8(truncatingIfNeeded: mark)
    smac.1 = UInt8(truncatingIfNeeded: mark >> 8)
    smac.2 = UInt8(truncatingIfNeeded: mark >> 16)
    smac.3 = UInt8(truncatingIfNeeded: mark >> 24)
  }
}
