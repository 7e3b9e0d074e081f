import KernelDirector

/// The tables that IPVS shows under /proc/net, byte for byte in its formats: addresses and ports in hexadecimal.
public enum ProcView: String, CaseIterable, Sendable {
  case services = "ip_vs"
  case connections = "ip_vs_conn"
  case statistics = "ip_vs_stats"

  /// The view of what there is now; that of statistics takes the second in which rates are measured.
  public func text(of director: Director) throws(DirectorError) -> String {
    switch self {
    case .services: return Self.services(try director.services())
    case .connections: return Self.connections(try director.connections())
    case .statistics:
      let (counters, rates) = try director.totals()
      return Self.statistics(counters, rates)
    }
  }

  static func services(_ services: [ServiceSnapshot]) -> String {
    var text = """
      IP Virtual Server version \(Help.ipvsVersion) (size=\(Help.ipvsTableSize))
      Prot LocalAddress:Port Scheduler Flags
        -> RemoteAddress:Port Forward Weight ActiveConn InActConn

      """
    for service in services {
      text += service.identity.head + service.settings.scheduler + " "
      if service.settings.onePacket, service.identity.showsOnePacket { text += "ops " }
      // Addresses of IPv4 alone have a blank more.
      if case .address(_, let endpoint) = service.identity, endpoint.address.family == .ipv4 { text += " " }
      if service.settings.persistence != 0 {
        // Ticks of the kernel's timer, of which Debian's kernels have 250 in a second.
        let mask = Hexadecimal.text(service.settings.netmask.byteSwapped, 8)
        text += "persistent \(service.settings.persistence * 250) \(mask)"
      }
      text += "\n"
      for server in service.servers { text += line(server) }
    }
    return text
  }

  private static func line(_ server: ServerSnapshot) -> String {
    var text = "  -> \(server.endpoint.address.hexadecimal):\(Hexadecimal.text(server.endpoint.port, 4))      "
    text.append(server.settings.method.listed, left: 7)
    for (value, width) in [
      (server.settings.weight, 6), (server.activeConnections, 10), (server.inactiveConnections, 10),
    ] {
      text += " "
      text.append(String(value), left: width)
    }
    return text + "\n"
  }

  static func connections(_ connections: [ConnectionSnapshot]) -> String {
    var text = "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData\n"
    for connection in connections {
      text.append(connection.transport.listed, left: 3)
      for endpoint in [connection.client, connection.virtual, connection.destination] {
        let address =
          endpoint.address.family == .ipv4 ? endpoint.address.hexadecimal : endpoint.address.groups
        text += " \(address) \(Hexadecimal.text(endpoint.port, 4))"
      }
      text += " "
      text.append(connection.state.listed, left: 11)
      text += " " + String(connection.expiresIn).right(7) + "\n"
    }
    return text
  }

  static func statistics(_ counters: Counters, _ rates: Rates) -> String {
    func line(_ values: [UInt64]) -> String {
      zip(values, [8, 8, 8, 16, 16]).map { Hexadecimal.text($0, 1).right($1) }.joined(separator: " ")
    }
    let sums = [
      counters.connections, counters.packetsIn, counters.packetsOut, counters.bytesIn, counters.bytesOut,
    ]
    let growth = [rates.connections, rates.packetsIn, rates.packetsOut, rates.bytesIn, rates.bytesOut]
    return """
         Total Incoming Outgoing         Incoming         Outgoing
         Conns  Packets  Packets            Bytes            Bytes
      \(line(sums))

       Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s
      \(line(growth))

      """
  }
}

/// Numbers in base 16 with capitals.
private enum Hexadecimal {
  static func text(_ value: some UnsignedInteger, _ width: Int) -> String {
    let digits = String(value, radix: 16, uppercase: true)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}

extension String {
  fileprivate func right(_ width: Int) -> String {
    String(repeating: " ", count: max(0, width - utf8.count)) + self
  }
}

extension IPAddress {
  /// `0A000001`, or an IPv6 address in brackets.
  fileprivate var hexadecimal: String {
    family == .ipv4 ? Hexadecimal.text(UInt32(bigEndian: words.0), 8) : "[\(groups)]"
  }

  /// All eight groups of an IPv6 address, nothing left out.
  fileprivate var groups: String {
    stride(from: 0, to: bytes.count, by: 2).map { i in
      let group = UInt16(bytes[i]) << 8 | UInt16(bytes[i + 1])
      let digits = String(group, radix: 16)
      return String(repeating: "0", count: 4 - digits.count) + digits
    }.joined(separator: ":")
  }
}

extension ServiceIdentity {
  fileprivate var head: String {
    switch self {
    case .mark(let mark, _): "FWM  \(Hexadecimal.text(mark, 8)) "
    case .address(let transport, let endpoint):
      "\(transport.listed)  \(endpoint.address.hexadecimal):\(Hexadecimal.text(endpoint.port, 4)) "
    }
  }

  /// The line of an IPv6 address has no room for it.
  fileprivate var showsOnePacket: Bool {
    if case .address(_, let endpoint) = self { return endpoint.address.family == .ipv4 }
    return true
  }
}
