import CLibbpf
import DataplaneTypes
import Glibc
import Netlink

/// What brings a director that no interface bears its packets.
///
/// - A program at the ingress of the host's devices (`bpf/director/Divert.swift`) redirects into svs0 what is for
///   services or comes back from their servers. It reads what that is from the director's configuration.
/// - A route for the services' network by svs0, for what this host itself sends.
/// - FULLNAT's local address, at svs0 and of scope "host": nothing that starts here takes it as its source, and the
///   kernel answers ARP requests of real servers on the same link. What belongs to no connection of the director's is
///   passed on to the host under that address.
///
/// No routing rules: with the first one that somebody adds, the kernel looks up every packet's route twice and along all
/// of them, for as long as the namespace lives.
struct Diverter {
  private static let mainTable: UInt32 = 254
  private static let hostScope: UInt8 = 254

  let tables: Tables
  /// svs0.
  private let interface: UInt32
  private let config: UnsafeMutablePointer<svs_config>

  init(_ tables: Tables) {
    self.tables = tables
    config = tables.config
    interface = config.pointee.handover_ifindex
  }

  // MARK: What is diverted

  /// As the packet path has it; nil where nothing is.
  var traffic: DivertedTraffic? {
    let mask = UInt32(bigEndian: config.pointee.diverted_mask)
    if mask == 0 { return nil }
    func address(_ word: UInt32) -> IPAddress { IPAddress(family: .ipv4, words: (word, 0, 0, 0)) }
    return DivertedTraffic(
      network: IPPrefix(address(config.pointee.diverted_network), length: UInt8(mask.nonzeroBitCount)),
      host: address(config.pointee.diverted_host),
      hostPorts: [.tcp: ports(SVS_DIVERTED_TCP), .udp: ports(SVS_DIVERTED_UDP)],
      localAddress: address(config.pointee.diverted_local))
  }

  /// Has the packet path take this. New ports are the services' before old ones are the host's again.
  private func tell(_ traffic: DivertedTraffic) {
    for (index, proto) in [(SVS_DIVERTED_TCP, TransportProtocol.tcp), (SVS_DIVERTED_UDP, .udp)] {
      let (old, new) = (ports(index), traffic.hostPorts[proto] ?? [])
      for port in new.subtracting(old) { word(of: port, index).pointee |= bit(of: port) }
      for port in old.subtracting(new) { word(of: port, index).pointee &= ~bit(of: port) }
    }
    let protocols = [(SVS_DIVERTED_TCP, TransportProtocol.tcp), (SVS_DIVERTED_UDP, .udp)]
    config.pointee.diverted_fragments = protocols.reduce(0) { bits, pair in
      traffic.hostPorts[pair.1] == nil ? bits : bits | 1 << pair.0
    }
    config.pointee.diverted_host = traffic.host.words.0
    config.pointee.diverted_local = traffic.localAddress.words.0
    config.pointee.diverted_network = traffic.network.address.words.0
    let length = UInt32(traffic.network.length)
    config.pointee.diverted_mask = (length == 0 ? 0 : ~UInt32(0) << (32 - length)).bigEndian
  }

  private func ports(_ index: UInt32) -> Set<UInt16> {
    var ports: Set<UInt16> = []
    let words = start(index)
    for number in 0..<1_024 {
      var bits = words[number]
      while bits != 0 {
        ports.insert(UInt16(number * 64 + bits.trailingZeroBitCount))
        bits &= bits - 1
      }
    }
    return ports
  }

  private func start(_ index: UInt32) -> UnsafeMutablePointer<UInt64> {
    UnsafeMutableRawPointer(tables.divertedPorts[Int(index)]).assumingMemoryBound(to: UInt64.self)
  }

  private func word(of port: UInt16, _ index: UInt32) -> UnsafeMutablePointer<UInt64> { start(index) + Int(port >> 6) }
  private func bit(of port: UInt16) -> UInt64 { 1 << UInt64(port & 63) }

  // MARK: What the kernel has to know

  /// Brings all of it about; what is there already stays.
  func apply(_ traffic: DivertedTraffic) throws(DirectorError) {
    let old = self.traffic
    do throws(NetlinkError) {
      let netlink = try NetlinkSocket()
      try refuseForeignRoute(traffic.network, netlink)
      if let old, old.localAddress != traffic.localAddress {
        try? netlink.removeAddress(IPPrefix(old.localAddress), interfaceIndex: interface)
      }
      do throws(NetlinkError) {
        try netlink.addAddress(
          IPPrefix(traffic.localAddress), interfaceIndex: interface, scope: Self.hostScope)
      } catch  where error.code == EEXIST {
        // As it should be.
      }
      if let old, old.network != traffic.network { try? netlink.removeRoute(route(old, nil)) }
      // Before the route: what is no service's would come round by it until its time to live ends.
      tell(traffic)
      try netlink.addRoute(route(traffic, try Self.mtu(netlink)), replacing: true, maker: Steering.maker)
    } catch {
      throw .system(doing: error.action, errno: error.code)
    }
    let devices = try Self.devices()
    try attach(IngressProgram(.device, in: tables.folder), to: devices.own)
    try attach(IngressProgram(.port, in: tables.folder), to: devices.ports)
  }

  /// Sees to bridges' ports that have come since.
  func applyToNewPorts() throws(DirectorError) {
    if traffic == nil { return }
    try attach(IngressProgram(.port, in: tables.folder), to: Self.devices().ports)
  }

  private func attach(_ program: borrowing IngressProgram, to devices: [Interface]) throws(DirectorError) {
    for device in devices {
      do throws(DirectorError) {
        try DeviceIngress(interface: device.index).attach(program, at: device.name)
      } catch .system(_, ENODEV) {
        // It has gone meanwhile.
      }
    }
  }

  /// Whether all of it is there, but for bridges' ports, which come and go.
  func holds(_ traffic: DivertedTraffic) throws(DirectorError) -> Bool {
    guard self.traffic == traffic else { return false }
    do throws(NetlinkError) {
      let netlink = try NetlinkSocket()
      let isRouted = try netlink.routes(table: Self.mainTable).contains {
        $0.destination == traffic.network && $0.interfaceIndex == interface
      }
      let local = IPPrefix(traffic.localAddress)
      guard isRouted,
        try netlink.addresses().contains(where: { $0.interfaceIndex == interface && $0.prefix == local })
      else { return false }
    } catch {
      throw .system(doing: error.action, errno: error.code)
    }
    let program = try IngressProgram(.device, in: tables.folder).number
    for device in try Self.devices().own where try !DeviceIngress(interface: device.index).holds(program) {
      return false
    }
    return true
  }

  /// Undoes `apply`, whatever of it was done.
  func undo() {
    Self.remove()
    guard let traffic else { return }
    config.pointee.diverted_mask = 0
    (config.pointee.diverted_host, config.pointee.diverted_local) = (0, 0)
    guard let netlink = try? NetlinkSocket() else { return }
    try? netlink.removeRoute(route(traffic, nil))
    try? netlink.removeAddress(IPPrefix(traffic.localAddress), interfaceIndex: interface)
  }

  /// Takes the programs away wherever they are; route and address go with svs0.
  static func remove() {
    for device in (try? NetlinkSocket().interfaces()) ?? [] { DeviceIngress(interface: device.index).detach() }
  }

  /// Where packets come to this host, and where pods' come to its bridges: what other ports switch may be for others. The
  /// loopback brings what this host sends to itself; what belongs to a bond comes by that.
  private static func devices() throws(DirectorError) -> (own: [Interface], ports: [Interface]) {
    do throws(NetlinkError) {
      let all = try NetlinkSocket().interfaces()
      let bridges = Set(all.filter { $0.kind == "bridge" }.map(\.index))
      let candidates = all.filter {
        $0.flags.contains(.up) && !HandoverPair.owns($0.name) && ($0.hardwareType == 1 || $0.flags.contains(.loopback))
      }
      return (
        candidates.filter { $0.master == nil },
        candidates.filter { $0.kind == "veth" && $0.master.map(bridges.contains) ?? false }
      )
    } catch {
      throw .system(doing: error.action, errno: error.code)
    }
  }

  private func route(_ traffic: DivertedTraffic, _ mtu: UInt32?) -> Route {
    Route(to: traffic.network, interfaceIndex: interface, source: traffic.host, table: Self.mainTable, mtu: mtu)
  }

  /// What this host sends is to fit the ways that go on from the director, not the pair alone. No device brings more
  /// than the largest that there is.
  private static func mtu(_ netlink: borrowing NetlinkSocket) throws(NetlinkError) -> UInt32? {
    try netlink.interfaces().filter {
      $0.flags.contains(.up) && !$0.flags.contains(.loopback) && !HandoverPair.owns($0.name)
    }.map(\.mtu).max().map { min($0, HandoverPair.mtu) }
  }

  /// A route of the operator's own for the services' network would be lost without a word, one that refuses too.
  private func refuseForeignRoute(
    _ network: IPPrefix, _ netlink: borrowing NetlinkSocket
  ) throws(NetlinkError) {
    let foreign = try netlink.routeEntries(table: Self.mainTable).contains {
      $0.route.destination == network && $0.route.interfaceIndex != interface && ($0.route.metric ?? 0) == 0
    }
    if foreign {
      throw NetlinkError(
        code: EEXIST,
        action:
          "route \(network) to the director: another route has that network ('ip route del \(network)' removes it)")
    }
  }
}
