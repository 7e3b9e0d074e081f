import DataplaneTypes

/// What is sent to a director that stands beside the host's traffic: packets for virtual addresses that nobody has, for
/// services' ports of the host's own address, and for FULLNAT's local address.
public enum Diversion {
  /// Whether an IPv4 address is of the network whose addresses are services' alone.
  ///
  /// The kernel would route a packet to it to the director again.
  @inlinable @inline(__always)
  public static func isVirtual(_ address: UInt32, _ config: UnsafeMutablePointer<svs_config>) -> Bool {
    let mask = config.pointee.diverted_mask
    return mask != 0 && address & mask == config.pointee.diverted_network
  }

  @inlinable @inline(__always)
  static func isVirtual(_ flow: svs_flow_key, _ config: UnsafeMutablePointer<svs_config>) -> Bool {
    flow.family == Family.ipv4 && isVirtual(flow.dst.w0, config)
  }
}
