import DataplaneTypes
import Glibc
import Netlink

/// How the model's values stand in the packet path's records.

extension svs_addr {
  init(_ address: IPAddress) {
    self.init(w0: address.words.0, w1: address.words.1, w2: address.words.2, w3: address.words.3)
  }

  func address(_ family: UInt8) -> IPAddress {
    IPAddress(family: family == 2 ? .ipv4 : .ipv6, words: (w0, w1, w2, w3))
  }
}

extension svs_service_key {
  init(_ identity: ServiceIdentity) {
    switch identity {
    case .address(let transport, let endpoint):
      self.init(
        vip: svs_addr(endpoint.address), port: endpoint.port.bigEndian, proto: transport.rawValue,
        family: endpoint.address.family.rawValue)
    case .mark(let mark, let family):
      self.init(vip: svs_addr(w0: mark, w1: 0, w2: 0, w3: 0), port: 0, proto: 0, family: family.rawValue)
    }
  }

  var identity: ServiceIdentity? {
    if proto == 0 { return .mark(vip.w0, family == 2 ? .ipv4 : .ipv6) }
    guard let transport = TransportProtocol(rawValue: proto) else { return nil }
    return .address(transport, Endpoint(vip.address(family), port: UInt16(bigEndian: port)))
  }

  static func == (a: svs_service_key, b: svs_service_key) -> Bool {
    a.vip.w0 == b.vip.w0 && a.vip.w1 == b.vip.w1 && a.vip.w2 == b.vip.w2 && a.vip.w3 == b.vip.w3
      && a.port == b.port && a.proto == b.proto && a.family == b.family
  }
}

extension svs_counters {
  static func += (a: inout svs_counters, b: svs_counters) {
    a.connections &+= b.connections
    a.packets_in &+= b.packets_in
    a.bytes_in &+= b.bytes_in
    a.packets_out &+= b.packets_out
    a.bytes_out &+= b.bytes_out
  }

  static func - (a: svs_counters, b: svs_counters) -> svs_counters {
    svs_counters(
      connections: a.connections &- b.connections, packets_in: a.packets_in &- b.packets_in,
      bytes_in: a.bytes_in &- b.bytes_in, packets_out: a.packets_out &- b.packets_out,
      bytes_out: a.bytes_out &- b.bytes_out)
  }
}

extension Counters {
  init(_ counters: svs_counters) {
    self.init()
    connections = counters.connections
    packetsIn = counters.packets_in
    packetsOut = counters.packets_out
    bytesIn = counters.bytes_in
    bytesOut = counters.bytes_out
  }
}

extension UnsafeMutablePointer where Pointee == svs_server {
  /// Writes what an operator sets; what connections count stays.
  func write(_ settings: ServerSettings, now tick: UInt32) {
    let old = pointee.upper
    pointee.method = settings.method.rawValue
    pointee.tunnel = settings.tunnel.rawValue
    pointee.tunnel_port = settings.tunnelPort.bigEndian
    pointee.tunnel_flags = UInt8(truncatingIfNeeded: settings.tunnelFlags)
    pointee.upper = settings.upperThreshold
    pointee.lower = settings.lowerThreshold
    let weight = Int32(clamping: settings.weight)
    if weight == 0, pointee.weight != 0 || pointee.status != UInt32(SVS_LIVE) { pointee.quiesced = tick }
    pointee.weight = weight
    if weight != 0 { pointee.last_weight = weight }
    // A higher upper threshold, or none, gives a server its chance again.
    if settings.upperThreshold == 0 || settings.upperThreshold > old { pointee.overloaded = 0 }
  }

  var settings: ServerSettings {
    ServerSettings(
      method: ForwardingMethod(rawValue: pointee.method) ?? .nat, weight: UInt32(max(pointee.weight, 0)),
      upperThreshold: pointee.upper, lowerThreshold: pointee.lower,
      tunnel: TunnelKind(rawValue: pointee.tunnel) ?? .ipip, tunnelPort: UInt16(bigEndian: pointee.tunnel_port),
      tunnelFlags: UInt16(pointee.tunnel_flags))
  }

  var endpoint: Endpoint {
    Endpoint(pointee.addr.address(pointee.family), port: UInt16(bigEndian: pointee.port))
  }

  func isAt(_ endpoint: Endpoint) -> Bool { isAt(svs_addr(endpoint.address), endpoint) }

  /// As the other, with the address as records have it.
  func isAt(_ address: svs_addr, _ endpoint: Endpoint) -> Bool {
    let own = pointee.addr
    return own.w0 == address.w0 && own.w1 == address.w1 && own.w2 == address.w2 && own.w3 == address.w3
      && pointee.port == endpoint.port.bigEndian && pointee.family == endpoint.address.family.rawValue
  }
}

extension Timeouts {
  /// Writes the timeouts of all states, as IPVS starts with them.
  static func initialise(_ config: UnsafeMutablePointer<svs_config>) {
    for state in UInt8(0)..<16 { config.setTimeout(state, seconds: DefaultTimeout.of(state)) }
    config.pointee.fragment_lifetime = DefaultTimeout.ofFragments
  }
}

extension UnsafeMutablePointer where Pointee == svs_config {
  func setTimeout(_ state: UInt8, seconds: UInt32) {
    withUnsafeMutableBytes(of: &pointee.timeout) {
      $0.storeBytes(of: Ticks.of(seconds: seconds), toByteOffset: Int(state) * 4, as: UInt32.self)
    }
  }

  func timeout(_ state: UInt8) -> UInt32 {
    withUnsafeBytes(of: pointee.timeout) { $0.load(fromByteOffset: Int(state) * 4, as: UInt32.self) }
  }
}
