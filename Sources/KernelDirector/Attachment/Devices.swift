import DataplaneTypes
import Glibc
import Netlink

/// What the packet path must know of the devices that frames may leave by.
extension Director {
  /// Writes the table of devices anew; called by every command that changes something.
  func refreshDevices(_ tables: Tables) throws(DirectorError) {
    let interfaces: [Interface]
    let features: [UInt32: XDPFeatures]?
    do {
      interfaces = try NetlinkSocket().interfaces()
      features = try NetlinkSocket(.generic).xdpFeatures()
    } catch {
      throw .system(doing: error.action, errno: error.code)
    }
    let known = DeviceKnowledge(
      interfaces: interfaces, features: features, trustsPeers: !isDiverted(tables))
    for old in tables.devices.keys(UInt32(0)) where !interfaces.contains(where: { $0.index == old }) {
      tables.devices.remove(old)
    }
    for interface in interfaces {
      try tables.devices.update(interface.index, known.record(interface), "devices")
    }
  }
}

/// Decides which devices take redirected frames.
struct DeviceKnowledge {
  let interfaces: [Interface]
  /// Nil before Linux 6.3, which does not tell.
  let features: [UInt32: XDPFeatures]?
  /// Whether a veth is taken to pass on redirected frames where that is not told. Its peer has to be prepared for them,
  /// which an operator does who attaches a director to veths, and nobody else.
  var trustsPeers = true

  /// Drivers that have transmitted redirected frames since before 6.1 (ndo_xdp_xmit in the kernel's sources).
  static let transmitters: Set<String> = [
    "veth", "virtio_net", "mlx5_core", "i40e", "ice", "ixgbe", "igb", "igc", "bnxt_en", "ena", "tun", "mvneta",
    "mvpp2", "sfc", "qede", "cpsw", "stmmac", "enetc", "dpaa2", "gve", "mana", "netvsc",
  ]

  func takesRedirected(_ interface: Interface) -> Bool {
    // These pass on what their ports can do, and transmit no redirected frame themselves.
    if interface.kind == "bond" || interface.kind == "team" || interface.kind == "bridge" { return false }
    if let features { return features[interface.index]?.contains(.transmitRedirected) ?? false }
    if let kind = interface.kind {
      return kind == "veth" && (trustsPeers || HandoverPair.owns(interface.name)) || kind == "tun"
    }
    guard let control = try? DeviceControl(), let driver = try? control.driver(of: interface.name) else { return false }
    return Self.transmitters.contains(driver)
  }

  /// A VLAN's frames go tagged to the device below it, where that takes them; else the kernel sends them.
  func record(_ interface: Interface) -> svs_device {
    var device = svs_device()
    if interface.kind == "vlan", let vlan = interface.vlan, vlan.protocolType == 0x8100, let lower = interface.link,
      let below = interfaces.first(where: { $0.index == lower }), takesRedirected(below)
    {
      device.flags = UInt32(SVS_DEVICE_REDIRECT | SVS_DEVICE_TAGGED)
      device.lower = lower
      device.vlan = vlan.id
      return device
    }
    if takesRedirected(interface) {
      device.flags = UInt32(SVS_DEVICE_REDIRECT)
      device.lower = interface.index
    }
    return device
  }
}
