import Glibc
import KernelDirector

/// Writes services and their servers in one of ipvsadm's layouts.
struct ServiceListing<Names: NameService> {
  private var endpoints: EndpointNames<Names>
  private let layout: Layout
  private let exact: Bool
  private let sorted: Bool

  init(_ options: CommandOptions, names: Names) {
    endpoints = EndpointNames(names: names, numeric: options.contains(.numeric))
    layout = Layout(options)
    exact = options.contains(.exact)
    sorted = !options.contains(.unsorted)
  }

  /// Names that were looked up, for the next listing.
  var names: Names { endpoints.names }

  /// The columns' heads and every service.
  mutating func text(of services: [ServiceSnapshot]) -> String {
    var text = layout.header
    for service in sorted ? ListingOrder.services(services) : services { append(service, to: &text) }
    return text
  }

  private mutating func append(_ service: ServiceSnapshot, to text: inout String) {
    let head = headline(service.identity)
    switch layout {
    case .stats:
      text.append(head, left: 33)
      append(service.counters, to: &text)
    case .rate:
      text.append(head, left: 33)
      append(service.rates, to: &text)
    case .thresholds, .persistentConnections, .tunnels, .plain:
      text += head
      text += service.settings.listing(family: service.identity.family)
    }
    text += "\n"
    for server in sorted ? ListingOrder.servers(service.servers) : service.servers {
      append(server, of: service.identity, to: &text)
    }
  }

  private mutating func headline(_ identity: ServiceIdentity) -> String {
    switch identity {
    case .mark(let mark, let family):
      return "FWM  \(Int32(bitPattern: mark))\(family == .ipv6 ? " IPv6" : "")"
    case .address(let transport, let endpoint):
      var head = ""
      head.append(transport.listed, left: 5)
      head += endpoints.text(endpoint, over: transport)
      return endpoint.address.family == .ipv4 ? head.cut(to: Self.headWidth) : head
    }
  }

  private mutating func append(_ server: ServerSnapshot, of identity: ServiceIdentity, to text: inout String) {
    var name = endpoints.text(server.endpoint, over: identity.transport)
    if server.endpoint.address.family == .ipv4 { name = name.cut(to: Self.serverWidth) }
    text += "  -> "
    text.append(name, left: Self.serverWidth)
    let settings = server.settings
    switch layout {
    case .stats: append(server.counters, to: &text)
    case .rate: append(server.rates, to: &text)
    case .thresholds:
      append([(settings.upperThreshold, 10), (settings.lowerThreshold, 10)], to: &text)
      appendConnections(of: server, to: &text)
    case .persistentConnections:
      append([(settings.weight, 9), (server.persistentConnections, 11)], to: &text)
      appendConnections(of: server, to: &text)
    case .tunnels, .plain:
      text += " "
      text.append(settings.method.listed, left: 7)
      if layout == .tunnels {
        text += " "
        text.append(settings.tunnelListing, left: 13)
      }
      append([(settings.weight, 6)], to: &text)
      appendConnections(of: server, to: &text)
    }
    text += "\n"
  }

  private func appendConnections(of server: ServerSnapshot, to text: inout String) {
    append([(server.activeConnections, 10), (server.inactiveConnections, 10)], to: &text)
  }

  private func append(_ columns: [(value: UInt32, width: Int)], to text: inout String) {
    for column in columns {
      text += " "
      text.append(String(column.value), left: column.width)
    }
  }

  private func append(_ counters: Counters, to text: inout String) {
    for value in [
      counters.connections, counters.packetsIn, counters.packetsOut, counters.bytesIn, counters.bytesOut,
    ] { text.append(counter: value, exact: exact) }
  }

  private func append(_ rates: Rates, to text: inout String) {
    for value in [rates.connections, rates.packetsIn, rates.packetsOut, rates.bytesIn, rates.bytesOut] {
      text.append(counter: value, exact: exact)
    }
  }

  private static var headWidth: Int { 33 }
  private static var serverWidth: Int { 28 }
}

extension ServiceSettings {
  /// What stands behind a service's address: scheduler, flags, persistence.
  fileprivate func listing(family: IPAddress.Family) -> String {
    var text = " \(scheduler)"
    if schedulerFlags != 0 { text += " (\(SchedulerFlags.text(schedulerFlags, scheduler: scheduler)))" }
    if persistence != 0 {
      text += " persistent \(persistence)"
      if let mask = granularity(family: family) { text += " mask \(mask)" }
      if !persistenceEngine.isEmpty { text += " pe \(persistenceEngine)" }
    }
    if onePacket { text += " ops" }
    return text
  }

  /// The mask or prefix length, where it says less than the whole address.
  func granularity(family: IPAddress.Family) -> String? {
    switch family {
    case .ipv4:
      netmask == 0xffff_ffff ? nil : IPAddress(family: .ipv4, words: (netmask, 0, 0, 0)).description
    case .ipv6: netmask == 128 ? nil : String(netmask)
    }
  }
}

extension ServerSettings {
  /// The tunnel as `kind:port:checksum`.
  fileprivate var tunnelListing: String {
    guard method == .tunnel else { return "n/a" }
    let sum =
      tunnelFlags & TunnelFlags.remoteChecksum != 0
      ? "r+c" : tunnelFlags & TunnelFlags.checksum != 0 ? "+c" : "-c"
    return switch tunnel {
    case .ipip: "ipip"
    case .gue: "gue:\(tunnelPort):\(sum)"
    case .gre: "gre:\(sum)"
    }
  }
}

extension TransportProtocol {
  var listed: String {
    switch self {
    case .tcp: "TCP"
    case .udp: "UDP"
    case .sctp: "SCTP"
    }
  }
}

extension ForwardingMethod {
  var listed: String {
    switch self {
    case .nat: "Masq"
    case .direct: "Route"
    case .tunnel: "Tunnel"
    case .fullNAT: "FullNat"
    }
  }
}
