import Netlink

extension IPPrefix {
  /// The address so many steps behind the network's own; wraps at the end of the address's last four bytes.
  public func host(_ number: UInt32) -> IPAddress {
    var bytes = network.address.bytes
    let start = bytes.count - 4
    var last = bytes[start...].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    last &+= number
    for position in 0..<4 { bytes[start + position] = UInt8(truncatingIfNeeded: last >> (24 - 8 * UInt32(position))) }
    return IPAddress(bytes: bytes) ?? address
  }
}
