import CNetlink
import CSystem
import Glibc
import HostSystem

/// Work that a device may do in the kernel's place; XDP on veth needs some of it off (ethtool(8), -K).
public enum Offload: Hashable, Sendable, CaseIterable {
  /// Checksums of sent packets are left to the device, which on a veth means that nobody computes them.
  case transmitChecksum
  case scatterGather
  /// TCP segmentation by the device.
  case tcpSegmentation
  /// Segmentation just before the device.
  case genericSegmentation
  /// On a veth it also turns NAPI on, without which frames redirected to the peer are lost.
  case genericReceive
  case receiveChecksum

  fileprivate var setCommand: UInt32 {
    switch self {
    case .transmitChecksum: UInt32(SVS_SET_TX_CHECKSUM)
    case .scatterGather: UInt32(SVS_SET_SCATTER_GATHER)
    case .tcpSegmentation: UInt32(SVS_SET_TSO)
    case .genericSegmentation: UInt32(SVS_SET_GSO)
    case .genericReceive: UInt32(SVS_SET_GRO)
    case .receiveChecksum: UInt32(SVS_SET_RX_CHECKSUM)
    }
  }
}

/// Asks and tells drivers about the devices of the namespace in which it was opened (SIOCETHTOOL).
public struct DeviceControl: ~Copyable {
  private let socket: Descriptor

  public init() throws(NetlinkError) {
    socket = try Descriptor.socket()
  }

  /// EOPNOTSUPP where the device cannot change this.
  public func set(_ offload: Offload, _ isOn: Bool, on interface: String) throws(NetlinkError) {
    try check(
      svs_ethtool_set(socket.number, interface, offload.setCommand, isOn ? 1 : 0),
      "turn \(offload) \(isOn ? "on" : "off") on \(interface)")
  }

  public func isOn(_ offload: Offload, on interface: String) throws(NetlinkError) -> Bool {
    var value: UInt32 = 0
    // Each get command is the number before its set command.
    try check(
      svs_ethtool_get(socket.number, interface, offload.setCommand - 1, &value), "read \(offload) of \(interface)")
    return value != 0
  }

  /// The driver's name, such as "veth" or "ixgbe"; EOPNOTSUPP where there is none, as for the loopback.
  public func driver(of interface: String) throws(NetlinkError) -> String {
    var name = [CChar](repeating: 0, count: 32)
    try check(
      svs_ethtool_driver(socket.number, interface, &name, name.count), "read the driver of \(interface)")
    return name.map { UInt8(bitPattern: $0) }.terminatedText
  }
}

extension Descriptor {
  /// A socket that only asks and is never connected.
  static func socket() throws(NetlinkError) -> Descriptor {
    let number = Glibc.socket(AF_INET, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard number >= 0 else { throw NetlinkError.last("open a socket") }
    return Descriptor(number)
  }
}
