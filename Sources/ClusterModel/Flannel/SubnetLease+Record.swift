import Netlink

/// What is wrong with a lease that somebody wrote.
public struct SubnetLeaseFault: Error, Hashable, Sendable, CustomStringConvertible {
  public var key: String
  public var reason: String

  public init(key: String, reason: String) {
    self.key = key
    self.reason = reason
  }

  public var description: String {
    "the lease \(key) is passed over: \(reason); delete or correct the key, or restart the program that wrote it"
  }
}

/// Leases as flannel writes them into etcd (pkg/subnet/subnet.go, pkg/lease/lease.go).
extension SubnetLease {
  /// The last part of the key: `10.244.1.0-24`, with both families `10.244.1.0-24&fd00:10:244:1::-64`.
  public var key: String { Self.key(subnet: subnet, ipv6Subnet: ipv6Subnet) }

  public static func key(subnet: IPPrefix, ipv6Subnet: IPPrefix?) -> String {
    let parts = [subnet, ipv6Subnet].compactMap { $0 }
    return parts.map { "\($0.address)-\($0.length)" }.joined(separator: "&")
  }

  /// The subnets that a key names; nil for what is no key of a lease. What stands before the last slash is not asked.
  public static func subnets(key: some StringProtocol) -> (subnet: IPPrefix, ipv6Subnet: IPPrefix?)? {
    let last = String(key).split(separator: "/", omittingEmptySubsequences: false).last ?? ""
    let parts = last.split(separator: "&", omittingEmptySubsequences: false)
    guard let first = parts.first, parts.count <= 2, let subnet = prefix(first, .ipv4) else { return nil }
    guard parts.count == 2 else { return (subnet, nil) }
    guard let second = prefix(parts[1], .ipv6) else { return nil }
    return (subnet, second)
  }

  /// The base address of a subnet, a dash and a length, none of the whole family or of one address alone.
  private static func prefix(_ text: Substring, _ family: IPAddress.Family) -> IPPrefix? {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 2, let address = IPAddress(parts[0]), address.family == family,
      parts[1].utf8.allSatisfy({ 0x30...0x39 ~= $0 }), let length = UInt8(parts[1]),
      1..<address.bitWidth ~= Int(length)
    else { return nil }
    let made = IPPrefix(address, length: length)
    return made.network == made ? made : nil
  }

  /// The value, byte for byte as flannel's: members in its order, and none that has nothing to say.
  public var value: String {
    var members: [JSONValue.Member] = [
      .init("PublicIP", .string("\(publicIP)")),
      .init("PublicIPv6", publicIPv6.map { .string("\($0)") } ?? .null),
      .init("BackendType", .string(backend.name)),
    ]
    if case .vxlan(let vni, let mac, let ipv6MAC) = backend {
      members.append(.init("BackendData", Self.data(vni, mac)))
      if let ipv6MAC { members.append(.init("BackendV6Data", Self.data(vni, ipv6MAC))) }
    }
    return JSONValue.object(members).compact
  }

  private static func data(_ vni: UInt32, _ mac: MACAddress) -> JSONValue {
    // In leases flannel's numbers have 16 bits, and it refuses to read longer ones.
    .object([.init("VNI", .number("\(vni & 0xffff)")), .init("VtepMAC", .string("\(mac)"))])
  }

  /// Reads what flannel, or this program, wrote.
  public init(key: String, value: some StringProtocol) throws(SubnetLeaseFault) {
    guard let subnets = Self.subnets(key: key) else {
      throw SubnetLeaseFault(key: key, reason: "this names no subnet")
    }
    let json: JSONValue
    do { json = try JSONValue(parsing: value) } catch {
      throw SubnetLeaseFault(key: key, reason: "its value is no JSON, \(error)")
    }
    let record = LeaseRecord(key: key, json: json)
    guard let publicIP = try record.address("PublicIP", .ipv4) else {
      throw SubnetLeaseFault(key: key, reason: "its value has no PublicIP")
    }
    self.init(
      subnet: subnets.subnet, ipv6Subnet: subnets.ipv6Subnet, publicIP: publicIP,
      publicIPv6: try record.address("PublicIPv6", .ipv6), backend: try record.backend())
  }
}

extension SubnetLease.Backend {
  /// flannel's word for it.
  public var name: String {
    switch self {
    case .vxlan: "vxlan"
    case .hostGateway: "host-gw"
    case .other(let name): name
    }
  }
}

/// The value of a lease, while it is read.
private struct LeaseRecord {
  let key: String
  let json: JSONValue

  func address(_ name: String, _ family: IPAddress.Family) throws(SubnetLeaseFault) -> IPAddress? {
    guard let value = json[name], value != .null else { return nil }
    guard let text = value.text, let address = IPAddress(text), address.family == family else {
      throw SubnetLeaseFault(key: key, reason: "its \(name) is \(value.compact), which is no such address")
    }
    // An address of zeros is how Go says that there is none.
    return address.number == 0 ? nil : address
  }

  func backend() throws(SubnetLeaseFault) -> SubnetLease.Backend {
    switch json["BackendType"]?.text {
    case "vxlan":
      let (vni, mac) = try tunnel("BackendData")
      let ipv6 = json["BackendV6Data"].flatMap { $0 == .null ? nil : $0 }
      return .vxlan(vni: vni, mac: mac, ipv6MAC: ipv6 == nil ? nil : try tunnel("BackendV6Data").mac)
    case "host-gw": return .hostGateway
    case let other?: return .other(other)
    case nil: throw SubnetLeaseFault(key: key, reason: "its value has no BackendType")
    }
  }

  private func tunnel(_ name: String) throws(SubnetLeaseFault) -> (vni: UInt32, mac: MACAddress) {
    let data = json[name]
    guard let vni = data?["VNI"]?.integer, 0...0xff_ffff ~= vni else {
      throw SubnetLeaseFault(key: key, reason: "its \(name) has no VNI")
    }
    let text = data?["VtepMAC"]?.text ?? ""
    // The lowest bit of the first octet is that of groups; the kernel takes no such neighbour.
    guard let mac = MACAddress(text.replacing("-", with: ":")), mac.octets.0 & 1 == 0,
      mac.bytes.contains(where: { $0 != 0 })
    else { throw SubnetLeaseFault(key: key, reason: "its \(name) has no VtepMAC of one device") }
    return (UInt32(vni), mac)
  }
}
