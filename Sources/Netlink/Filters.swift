import CNetlink

extension NetlinkSocket {
  /// Whether filters of traffic control stand at the ingress or the egress of a device (tc(8), clsact).
  public func hasFilters(interfaceIndex: UInt32) throws(NetlinkError) -> Bool {
    // TC_H_CLSACT with TC_H_MIN_INGRESS and TC_H_MIN_EGRESS of linux/pkt_sched.h.
    for parent in [0xffff_fff2, 0xffff_fff3] as [UInt32] {
      var body = tcmsg()
      body.tcm_ifindex = Int32(bitPattern: interfaceIndex)
      body.tcm_parent = parent
      let filters = try dump(try Message(RTM_GETTFILTER, body: body), "list the filters of interface \(interfaceIndex)")
      if !filters.isEmpty { return true }
    }
    return false
  }
}
