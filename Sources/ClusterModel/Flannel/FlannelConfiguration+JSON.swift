import Netlink

extension FlannelConfiguration {
  /// Reads `net-conf.json`.
  public init(json: String) throws(FlannelConfigurationError) { self = try Self.read(json: json).configuration }

  /// Reads `net-conf.json`, and says in sentences what of it was accepted and has no effect.
  public static func read(
    json: String
  ) throws(FlannelConfigurationError) -> (configuration: FlannelConfiguration, notes: [String]) {
    let value: JSONValue
    do { value = try JSONValue(parsing: json) } catch {
      throw FlannelConfigurationError(
        key: nil, value: nil, reason: "this is no JSON, \(error)",
        remedy: "correct it there; names and texts stand in double quotes")
    }
    guard case .object = value else {
      throw FlannelConfigurationError(
        key: nil, value: value.compact, reason: "this is no object",
        remedy: #"write {"Network": "10.244.0.0/16", "Backend": {"Type": "vxlan"}}"#)
    }
    var fields = NetConfFields(value)
    guard try fields.flag("EnableIPv4") ?? true else {
      throw fields.fault(
        "EnableIPv4", "leases are named by their IPv4 subnets, so that there is none without",
        "leave it out and give an IPv4 Network")
    }
    guard let ipv4 = try fields.network("", .ipv4) else {
      throw fields.fault("Network", "it is missing", #"write "Network": "10.244.0.0/16", or another that is free"#)
    }
    var ipv6: Network?
    if try fields.flag("EnableIPv6") ?? false {
      ipv6 = try fields.network("IPv6", .ipv6)
      guard ipv6 != nil else {
        throw fields.fault("IPv6Network", "it is missing", #"write one, or "EnableIPv6": false"#)
      }
    } else if fields.has("IPv6Network") {
      fields.notes.append(#"net-conf.json: IPv6Network has no effect without "EnableIPv6": true"#)
    }
    if try fields.flag("EnableNFTables") ?? false {
      fields.notes.append("net-conf.json: EnableNFTables has no effect: rules are always written for nftables")
    }
    let made = FlannelConfiguration(ipv4: ipv4, ipv6: ipv6, backend: try fields.backend())
    try made.check()
    return (made, fields.notes + fields.unknown(besides: NetConfFields.names))
  }

  /// The text of `net-conf.json`; reading it gives the same configuration.
  public var json: String {
    var members: [JSONValue.Member] = []
    if let ipv4 { members += ipv4.members("") } else { members.append(.init("EnableIPv4", .bool(false))) }
    if let ipv6 { members += [.init("EnableIPv6", .bool(true))] + ipv6.members("IPv6") }
    var inner: [JSONValue.Member] = [.init("Type", .string(backend.name))]
    if case .vxlan(let vxlan) = backend {
      inner.append(.init("VNI", .number("\(vxlan.vni)")))
      if vxlan.port != VXLAN().port { inner.append(.init("Port", .number("\(vxlan.port)"))) }
      if let mtu = vxlan.mtu { inner.append(.init("MTU", .number("\(mtu)"))) }
      if vxlan.directRouting { inner.append(.init("DirectRouting", .bool(true))) }
    }
    return JSONValue.object(members + [.init("Backend", .object(inner))]).compact
  }
}

extension FlannelConfiguration.Network {
  fileprivate func members(_ start: String) -> [JSONValue.Member] {
    var made: [JSONValue.Member] = [
      .init("\(start)Network", .string("\(prefix)")), .init("\(start)SubnetLen", .number("\(subnetLength)")),
    ]
    if let subnetMin { made.append(.init("\(start)SubnetMin", .string("\(subnetMin)"))) }
    if let subnetMax { made.append(.init("\(start)SubnetMax", .string("\(subnetMax)"))) }
    return made
  }
}

/// The members of one object of `net-conf.json`.
private struct NetConfFields {
  private let object: JSONValue
  /// `Backend.`, or nothing.
  private let path: String
  var notes: [String] = []

  static let names = [
    "Network", "SubnetLen", "SubnetMin", "SubnetMax", "IPv6Network", "IPv6SubnetLen", "IPv6SubnetMin", "IPv6SubnetMax",
    "EnableIPv4", "EnableIPv6", "EnableNFTables", "Backend",
  ]

  init(_ object: JSONValue, path: String = "") {
    self.object = object
    self.path = path
  }

  /// Null is as good as nothing, as in Go.
  private func value(_ key: String) -> JSONValue? { object[key].flatMap { $0 == .null ? nil : $0 } }

  func has(_ key: String) -> Bool { value(key) != nil }

  func fault(_ key: String, _ reason: String, _ remedy: String) -> FlannelConfigurationError {
    FlannelConfigurationError(key: path + key, value: object[key]?.compact, reason: reason, remedy: remedy)
  }

  func flag(_ key: String) throws(FlannelConfigurationError) -> Bool? {
    guard let value = value(key) else { return nil }
    guard case .bool(let flag) = value else { throw fault(key, "this is neither true nor false", "write one of them") }
    return flag
  }

  func number(_ key: String, _ range: ClosedRange<Int64>) throws(FlannelConfigurationError) -> Int64? {
    guard let value = value(key) else { return nil }
    guard case .number = value, let number = value.integer, range.contains(number) else {
      throw fault(key, "this is no number from \(range.lowerBound) to \(range.upperBound)", "write one, without quotes")
    }
    return number
  }

  func address(_ key: String, _ family: IPAddress.Family) throws(FlannelConfigurationError) -> IPAddress? {
    guard let value = value(key) else { return nil }
    guard let text = value.text, let address = IPAddress(text), address.family == family else {
      throw fault(key, "this is no \(family.name) address", "write the base address of a subnet, in quotes")
    }
    // flannel takes the address of zeros for nothing.
    return address.number == 0 ? nil : address
  }

  func network(
    _ start: String, _ family: IPAddress.Family
  ) throws(FlannelConfigurationError) -> FlannelConfiguration.Network? {
    let key = start + "Network"
    guard let value = value(key) else { return nil }
    let example = family == .ipv4 ? "10.244.0.0/16" : "fd00:10:244::/48"
    guard let text = value.text, text.contains("/"), let prefix = IPPrefix(text), prefix.address.family == family else {
      throw fault(key, "this is no \(family.name) network with a prefix length", "write one as \"\(example)\"")
    }
    // 0 is what flannel has for a length that is not said.
    let length = try number("\(start)SubnetLen", 0...(family == .ipv4 ? 30 : 126))
    return FlannelConfiguration.Network(
      prefix, subnetLength: length.flatMap { $0 == 0 ? nil : UInt8($0) },
      subnetMin: try address("\(start)SubnetMin", family), subnetMax: try address("\(start)SubnetMax", family))
  }

  mutating func backend() throws(FlannelConfigurationError) -> FlannelConfiguration.Backend {
    let remedy = #"write "Backend": {"Type": "vxlan"} or {"Type": "host-gw"}"#
    guard let value = value("Backend") else {
      throw fault("Backend", "it is missing, and flannel takes its udp backend then, which is not served", remedy)
    }
    guard case .object = value else { throw fault("Backend", "this is no object", remedy) }
    let inner = NetConfFields(value, path: "Backend.")
    let made: FlannelConfiguration.Backend
    switch inner.value("Type")?.text {
    case "vxlan":
      made = .vxlan(try inner.vxlan())
      notes += inner.unknown(besides: ["Type", "VNI", "Port", "MTU", "DirectRouting", "Learning", "GBP"])
    case "host-gw":
      made = .hostGateway
      notes += inner.unknown(besides: ["Type"])
    case nil: throw inner.fault("Type", inner.has("Type") ? "this is no text" : "it is missing", remedy)
    default: throw inner.fault("Type", "this backend is not served; vxlan and host-gw are", remedy)
    }
    return made
  }

  private func vxlan() throws(FlannelConfigurationError) -> FlannelConfiguration.VXLAN {
    if try flag("Learning") ?? false {
      throw fault("Learning", "tunnels do not learn here: every peer's entry is written from its lease", "leave it out")
    }
    if try flag("GBP") ?? false { throw fault("GBP", "group policy is not served", "leave it out") }
    var made = FlannelConfiguration.VXLAN()
    if let vni = try number("VNI", 1...0xff_ffff) { made.vni = UInt32(vni) }
    // 0 stands for the kernel's own choice, which is 8472 too.
    if let port = try number("Port", 0...65_535), port != 0 { made.port = UInt16(port) }
    if let mtu = try number("MTU", 0...65_535), mtu != 0 { made.mtu = UInt32(mtu) }
    made.directRouting = try flag("DirectRouting") ?? false
    return made
  }

  /// Sentences about members that flannel does not have: it passes over them in silence, people want to know.
  func unknown(besides names: [String]) -> [String] {
    guard case .object(let members) = object else { return [] }
    let known = Set(names.map { $0.lowercased() })
    return members.filter { !known.contains($0.name.lowercased()) }.map {
      "net-conf.json: \(path)\($0.name) has no effect; known there are \(names.joined(separator: ", "))"
    }
  }
}

extension IPAddress.Family {
  fileprivate var name: String { self == .ipv4 ? "IPv4" : "IPv6" }
}
