import CLibbpf
import Dataplane
import DataplaneTypes
import Glibc
import Netlink

/// How the director of a namespace stands.
public struct DirectorStatus: Sendable {
  public struct InterfaceStatus: Sendable {
    public var name: String
    public var mode: AttachmentMode
    public var driver: String
    /// Whether frames can be redirected to it; otherwise the kernel sends them, several times slower.
    public var takesRedirected: Bool
  }

  public struct MapStatus: Sendable {
    public var name: String
    public var entries: UInt32
    public var bytes: UInt64
  }

  public var layoutVersion: UInt32
  public var kernel: KernelFeatures
  public var attachments: [InterfaceStatus]
  /// What is diverted to the director; nil where it is attached to interfaces.
  public var diverted: DivertedTraffic?
  /// Interfaces that are up and not attached.
  public var unattached: [String]
  public var connectionCapacity: UInt32
  public var connections: UInt32
  public var services: Int
  public var servers: Int
  /// What FULLNAT leases from.
  public var localAddresses: [LocalAddressSnapshot]
  public var maps: [MapStatus]
  public var events: [EventCount]
  /// What may surprise an operator, in whole sentences.
  public var warnings: [String]
}

/// How often a packet took a path that is not plain forwarding.
public struct EventCount: Sendable {
  public var name: String
  /// What became of the packets: passed, dropped, answered, forwarded.
  public var fate: String
  public var packets: UInt64
}

extension Director {
  /// How the director stands, or nil where there is none.
  public func status() throws(DirectorError) -> DirectorStatus? {
    try locked { () throws(DirectorError) -> DirectorStatus? in
      guard let tables else { return nil }
      try refreshDevices(tables)
      let interfaces: [Interface]
      let features: [UInt32: XDPFeatures]?
      do throws(NetlinkError) {
        interfaces = try NetlinkSocket().interfaces()
        features = try NetlinkSocket(.generic).xdpFeatures()
      } catch {
        throw .system(doing: error.action, errno: error.code)
      }
      let devices = DeviceKnowledge(interfaces: interfaces, features: features)
      var attached: [DirectorStatus.InterfaceStatus] = []
      var unattached: [String] = []
      for interface in interfaces where !HandoverPair.owns(interface.name) {
        if attachedInterface(interface.index) == interface.index {
          attached.append(
            .init(
              name: interface.name, mode: interface.xdp?.mode == .generic ? .generic : .native,
              driver: (try? DeviceControl().driver(of: interface.name)) ?? interface.kind ?? "unknown",
              takesRedirected: devices.takesRedirected(interface)))
        } else if interface.flags.contains(.up), !interface.flags.contains(.loopback) {
          unattached.append(interface.name)
        }
      }
      let config = tables.config.pointee
      let all = try services()
      var status = DirectorStatus(
        layoutVersion: config.layout_version, kernel: KernelFeatures.probe(folder.pin("svs_director")),
        attachments: attached, diverted: try divertedTraffic(),
        unattached: unattached, connectionCapacity: config.connection_capacity,
        connections: tables.runtime[0].pointee.live,
        services: all.count, servers: all.reduce(0) { $0 + $1.servers.count },
        localAddresses: try localAddresses(), maps: try mapSizes(),
        events: eventCounts(tables), warnings: [])
      status = withWarnings(status, interfaces, four: config.services4, six: config.services6)
      status.warnings +=
        LocalAddressWarnings(
          status.localAddresses, own: try? OwnAddresses(), clashes: try localAddressClashes(tables)
        ).sentences
      status.warnings += ServerWarnings(all, unasked: try serversWithoutLocalAddress(tables)).sentences
      status.warnings += try steeringWarnings(tables)
      return status
    }
  }

  /// The interface that a pinned link of this number still hangs on.
  private func attachedInterface(_ index: UInt32) -> UInt32? {
    guard let link = try? PinnedLink(path: folder.pin("links/\(index)")) else { return nil }
    return link.interface
  }

  private func eventCounts(_ tables: Tables) -> [EventCount] {
    Event.allCases.map { event in
      EventCount(
        name: event.name.description, fate: event.fate.description,
        packets: tables.events.perCPUWords(event.rawValue, words: 1)[0])
    }
  }

  private func mapSizes() throws(DirectorError) -> [DirectorStatus.MapStatus] {
    var sizes: [DirectorStatus.MapStatus] = []
    for name in DirectorObject.maps {
      let map = try BPFMap(pinnedAt: folder.pin(name))
      sizes.append(.init(name: name, entries: try map.information.max_entries, bytes: map.memory))
    }
    return sizes
  }

  private func mtu(_ name: String, _ interfaces: [Interface]) -> UInt32 {
    interfaces.first { $0.name == name }?.mtu ?? 0
  }

  /// - Parameters:
  ///   - four: services of IPv4.
  ///   - six: services of IPv6.
  private func withWarnings(
    _ status: DirectorStatus, _ interfaces: [Interface], four: UInt32, six: UInt32
  ) -> DirectorStatus {
    var status = status
    let isDiverted = tables.map { self.isDiverted($0) } ?? false
    if status.attachments.isEmpty, status.services > 0, !isDiverted {
      status.warnings.append(
        "The director is attached to no interface, and sees no packet; 'svs attach' attaches all that are up.")
    }
    if let pair = interfaces.first(where: { $0.name == HandoverPair.outer }), !pair.flags.contains(.up) {
      status.warnings.append(
        "The device \(HandoverPair.outer) is down; 'ip link set \(HandoverPair.outer) up' mends it.")
    }
    for interface in status.attachments where interface.mode == .generic {
      status.warnings.append(
        "\(interface.name): no native XDP (driver \(interface.driver), MTU \(mtu(interface.name, interfaces))); packets take the slow, generic "
          + "path. Drivers without it, and MTUs above a page, have no other.")
    }
    for interface in status.attachments where !interface.takesRedirected {
      let why = interface.driver == "veth" ? " (switch gro on at its peer)" : ""
      status.warnings.append(
        "\(interface.name): \(interface.driver) takes no redirected frames\(why); the kernel sends them instead.")
    }
    for name in status.unattached where !isDiverted {
      status.warnings.append("\(name) is up but not attached; 'svs attach \(name)' attaches it.")
    }
    if status.connections > status.connectionCapacity / 10 * 9 {
      status.warnings.append(
        "The connection table is full, or nearly so: \(status.connections) of \(status.connectionCapacity) entries. "
          + (isDiverted
            ? "New connections are refused until others have ended."
            : "Save the rules, 'svs detach', 'svs attach --connections N', and restore them."))
    }
    for (family, services, key) in [
      (IPAddress.Family.ipv4, four, "net.ipv4.ip_forward"), (.ipv6, six, "net.ipv6.conf.all.forwarding"),
    ] where services > 0 && !HandoverPair.isForwarding(family) {
      status.warnings.append(
        "Forwarding was switched off at \(HandoverPair.inner), as 'sysctl \(key)=0' does: no route is looked up, and "
          + "packets are answered as unreachable. 'svs attach' switches it on there again.")
    }
    if !interfaces.contains(where: { $0.name == HandoverPair.outer }) {
      status.warnings.append(
        "The device \(HandoverPair.outer) is gone, and nothing is forwarded without it; 'svs attach' makes it again.")
    }
    return status
  }
}

extension HandoverPair {
  static func owns(_ name: String) -> Bool { name == outer || name == inner }
}

extension BPFMap {
  /// Bytes the map occupies, as the kernel accounts for them (proc(5), fdinfo).
  var memory: UInt64 {
    let fd = open("/proc/self/fdinfo/\(descriptor)", O_RDONLY | O_CLOEXEC)
    guard fd >= 0 else { return 0 }
    defer { close(fd) }
    var buffer = [UInt8](repeating: 0, count: 1024)
    let count = read(fd, &buffer, buffer.count)
    let text = String(decoding: buffer.prefix(max(count, 0)), as: UTF8.self)
    for line in text.split(separator: "\n") where line.hasPrefix("memlock:") {
      return UInt64(line.dropFirst(8).drop { $0 == " " || $0 == "\t" }) ?? 0
    }
    return 0
  }
}
