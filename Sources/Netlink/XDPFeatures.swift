import CNetlink
import Glibc

/// What a device's driver can do for XDP programs (include/uapi/linux/netdev.h, enum netdev_xdp_act).
public struct XDPFeatures: OptionSet, Hashable, Sendable {
  public let rawValue: UInt64
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// XDP_PASS, XDP_DROP, XDP_TX and XDP_ABORTED.
  public static let basic = XDPFeatures(rawValue: 1)
  /// A program here may redirect its frames.
  public static let redirect = XDPFeatures(rawValue: 2)
  /// The device takes frames that were redirected to it; some drivers do so only while a program is attached.
  public static let transmitRedirected = XDPFeatures(rawValue: 4)
  public static let zeroCopySocket = XDPFeatures(rawValue: 8)
  public static let hardwareOffload = XDPFeatures(rawValue: 16)
  public static let multipleBuffers = XDPFeatures(rawValue: 32)
  /// The device takes redirected frames of several buffers.
  public static let transmitMultipleBuffers = XDPFeatures(rawValue: 64)
}

/// Of linux/netdev.h, which the headers of kernels before 6.3 lack.
private enum NetdevFamily {
  static let name = "netdev"
  static let version: UInt8 = 1
  /// NETDEV_CMD_DEV_GET.
  static let getDevice: UInt8 = 1
  /// NETDEV_A_DEV_IFINDEX, NETDEV_A_DEV_XDP_FEATURES.
  static let interfaceIndex = 1
  static let xdpFeatures = 3
}

extension NetlinkSocket {
  /// The XDP features of every device of the namespace by interface index; nothing before kernel 6.3.
  ///
  /// The socket must be of the family ``Family/generic``.
  public func xdpFeatures() throws(NetlinkError) -> [UInt32: XDPFeatures]? {
    guard let family = try genericFamily(NetdevFamily.name) else { return nil }
    let body = genlmsghdr(cmd: NetdevFamily.getDevice, version: NetdevFamily.version, reserved: 0)
    let replies = try dump(try Message(family, body: body), "list the XDP features of the interfaces")
    var features: [UInt32: XDPFeatures] = [:]
    for reply in replies {
      guard let (_, attributes) = reply.split(genlmsghdr.self),
        let index = attributes.value(NetdevFamily.interfaceIndex, as: UInt32.self),
        let bits = attributes.value(NetdevFamily.xdpFeatures, as: UInt64.self)
      else { continue }
      features[index] = XDPFeatures(rawValue: bits)
    }
    return features
  }

  /// The number of a generic netlink family, or nothing where the kernel lacks it.
  func genericFamily(_ name: String) throws(NetlinkError) -> UInt16? {
    let body = genlmsghdr(cmd: UInt8(CTRL_CMD_GETFAMILY), version: 1, reserved: 0)
    // GENL_ID_CTRL is the one family with a fixed number, NLMSG_MIN_TYPE.
    var message = try Message(0x10, body: body)
    message.put(CTRL_ATTR_FAMILY_NAME, text: name)
    do {
      let replies = try request(message, "find the generic netlink family \(name)")
      return replies.first?.split(genlmsghdr.self)?.attributes.value(CTRL_ATTR_FAMILY_ID)
    } catch {
      guard error.code == ENOENT else { throw error }
      return nil
    }
  }
}
