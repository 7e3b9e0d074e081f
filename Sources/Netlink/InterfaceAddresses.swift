import CNetlink
import Glibc

/// An address on an interface.
public struct InterfaceAddress: Hashable, Sendable {
  /// IFA_F_* bits (linux/if_addr.h).
  public struct Flags: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// No duplicate address detection: usable at once (RFC 4862 would have it wait a second).
    public static let noDuplicateDetection = Flags(rawValue: 0x02)
    /// Duplicate address detection found another owner.
    public static let detectionFailed = Flags(rawValue: 0x08)
    /// No source for what starts here; answers still leave with it.
    public static let deprecated = Flags(rawValue: 0x20)
    /// Duplicate address detection still runs; the address cannot be used yet.
    public static let tentative = Flags(rawValue: 0x40)
    public static let permanent = Flags(rawValue: 0x80)
  }

  public var prefix: IPPrefix
  public var interfaceIndex: UInt32
  public var flags: Flags
  /// RT_SCOPE_*: 0 is global, 253 the link, 254 this host.
  public var scope: UInt8
}

extension NetlinkSocket {
  /// Gives an interface an address; EEXIST where it has it already.
  ///
  /// - Parameters:
  ///   - detectDuplicates: for IPv6, whether the address waits about a second for duplicate address detection.
  ///   - isDeprecated: for IPv6, whether nothing that starts here takes it as its source (RFC 6724, rule 3).
  ///   - scope: RT_SCOPE_*; found from the address where it is not said. Nothing that leaves takes one of 254, this host,
  ///     as its source.
  public func addAddress(
    _ prefix: IPPrefix, interfaceIndex: UInt32, detectDuplicates: Bool = false, isDeprecated: Bool = false,
    scope: UInt8? = nil
  ) throws(NetlinkError) {
    var body = ifaddrmsg(prefix, interfaceIndex: interfaceIndex)
    // The loopback's own addresses mean nothing to others; anything else is global, a VIP on lo too.
    if prefix.address.isLoopback { body.ifa_scope = UInt8(RT_SCOPE_HOST.rawValue) }
    if prefix.address.isLinkLocal { body.ifa_scope = UInt8(RT_SCOPE_LINK.rawValue) }
    if let scope { body.ifa_scope = scope }
    var message = try Message(RTM_NEWADDR, flags: NLM_F_CREATE | NLM_F_EXCL, body: body)
    message.put(IFA_LOCAL, prefix.address)
    message.put(IFA_ADDRESS, prefix.address)
    if prefix.address.family == .ipv6, !detectDuplicates {
      message.put(IFA_FLAGS, InterfaceAddress.Flags.noDuplicateDetection.rawValue)
    }
    if prefix.address.family == .ipv6, isDeprecated {
      message.put(
        IFA_CACHEINFO, ifa_cacheinfo(ifa_prefered: 0, ifa_valid: UInt32.max, cstamp: 0, tstamp: 0))
    }
    try request(message, "add the address \(prefix) to interface \(interfaceIndex)")
  }

  /// Takes an address away; EADDRNOTAVAIL where the interface does not have it.
  public func removeAddress(_ prefix: IPPrefix, interfaceIndex: UInt32) throws(NetlinkError) {
    var message = try Message(RTM_DELADDR, body: ifaddrmsg(prefix, interfaceIndex: interfaceIndex))
    message.put(IFA_LOCAL, prefix.address)
    try request(message, "remove the address \(prefix) of interface \(interfaceIndex)")
  }

  /// The addresses of both families on every interface.
  public func addresses() throws(NetlinkError) -> [InterfaceAddress] {
    let message = try Message(RTM_GETADDR, body: ifaddrmsg())
    return try dump(message, "list the addresses").compactMap(InterfaceAddress.init)
  }
}

extension IPAddress {
  /// Whether this is in 127.0.0.0/8 or is ::1.
  public var isLoopback: Bool {
    let bytes = bytes
    return family == .ipv4 ? bytes[0] == 127 : bytes.dropLast().allSatisfy { $0 == 0 } && bytes[15] == 1
  }
}

extension ifaddrmsg {
  fileprivate init(_ prefix: IPPrefix, interfaceIndex: UInt32) {
    self.init()
    ifa_family = prefix.address.family.rawValue
    ifa_prefixlen = prefix.length
    ifa_index = interfaceIndex
  }
}

extension InterfaceAddress {
  init?(_ reply: Reply) {
    // IFA_LOCAL is this end where it differs from IFA_ADDRESS, the prefix's (point-to-point links).
    guard CInt(reply.type) == CInt(RTM_NEWADDR), let (body, attributes) = reply.split(ifaddrmsg.self),
      let address = attributes.address(IFA_LOCAL) ?? attributes.address(IFA_ADDRESS)
    else { return nil }
    self.init(
      prefix: IPPrefix(address, length: body.ifa_prefixlen), interfaceIndex: body.ifa_index,
      flags: Flags(rawValue: attributes.value(IFA_FLAGS) ?? UInt32(body.ifa_flags)), scope: body.ifa_scope)
  }
}
