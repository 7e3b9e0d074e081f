import KernelDirector

/// Writes services as the command lines that make them again: what `-S` prints and `-R` reads.
///
/// As in ipvsadm 1.31 the connection thresholds are left out.
struct RuleText<Names: NameService> {
  private var endpoints: EndpointNames<Names>

  init(numeric: Bool, names: Names) {
    endpoints = EndpointNames(names: names, numeric: numeric)
  }

  /// Names that were looked up, for the next text.
  var names: Names { endpoints.names }

  mutating func text(of services: [ServiceSnapshot]) -> String {
    var text = ""
    for service in ListingOrder.services(services) {
      let head = selector(of: service.identity)
      text += "-A \(head)\(service.settings.rule(family: service.identity.family))\n"
      for server in ListingOrder.servers(service.servers) {
        let name = endpoints.text(server.endpoint, over: service.identity.transport)
        text += "-a \(head) -r \(name)\(server.settings.rule)\n"
      }
    }
    return text
  }

  private mutating func selector(of identity: ServiceIdentity) -> String {
    switch identity {
    case .mark(let mark, let family): "-f \(Int32(bitPattern: mark))\(family == .ipv6 ? " -6" : "")"
    case .address(let transport, let endpoint):
      "\(transport.option) \(endpoints.text(endpoint, over: transport))"
    }
  }
}

extension ServiceSettings {
  fileprivate func rule(family: IPAddress.Family) -> String {
    var text = " -s \(scheduler)"
    if persistence != 0 {
      text += " -p \(persistence)"
      if let mask = granularity(family: family) { text += " -M \(mask)" }
    }
    if !persistenceEngine.isEmpty { text += " --pe \(persistenceEngine)" }
    if onePacket { text += " -o" }
    if schedulerFlags != 0 { text += " -b \(SchedulerFlags.text(schedulerFlags, scheduler: scheduler))" }
    return text
  }
}

extension ServerSettings {
  fileprivate var rule: String {
    switch method {
    case .nat: " -m -w \(weight)"
    case .direct: " -g -w \(weight)"
    case .fullNAT: " --fullnat -w \(weight)"
    case .tunnel: " -i -w \(weight) --tun-type \(tunnel.name)\(tunnelRule)"
    }
  }

  private var tunnelRule: String {
    let port = tunnel == .gue ? " --tun-port \(tunnelPort)" : ""
    guard tunnel != .ipip else { return "" }
    if tunnelFlags & TunnelFlags.remoteChecksum != 0 { return "\(port) --tun-remcsum" }
    return port + (tunnelFlags & TunnelFlags.checksum != 0 ? " --tun-csum" : " --tun-nocsum")
  }
}

extension TransportProtocol {
  fileprivate var option: String {
    switch self {
    case .tcp: "-t"
    case .udp: "-u"
    case .sctp: "--sctp-service"
    }
  }
}
