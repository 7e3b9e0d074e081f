import CNetlink
import Glibc

/// A rule of policy routing: which packets look into which table (ip-rule(8)).
public struct Rule: Hashable, Sendable {
  public var family: IPAddress.Family
  /// Smaller is asked first.
  public var priority: UInt32
  public var table: UInt32
  /// Goes on with the rule of this priority instead of looking into a table.
  public var target: UInt32?
  /// Who made it (RTPROT_*); nil for nobody in particular. What bears the kernel's own, 2, network managers leave alone.
  public var maker: UInt8?
  /// Refuses instead: no table is looked into, and there is no route.
  public var prohibits = false
  /// Drops without a word instead.
  public var discards = false
  public var source: IPPrefix?
  public var destination: IPPrefix?
  public var mark: UInt32?
  public var markMask: UInt32?
  /// "lo" matches what this host itself sends.
  public var inputInterface: String?
  public var outputInterface: String?
  /// IPPROTO_TCP and so on.
  public var ipProtocol: UInt8?
  public var destinationPorts: ClosedRange<UInt16>?
  public var sourcePorts: ClosedRange<UInt16>?

  public init(
    _ family: IPAddress.Family, priority: UInt32, table: UInt32 = 0, goto target: UInt32? = nil,
    from source: IPPrefix? = nil,
    to destination: IPPrefix? = nil, mark: UInt32? = nil, markMask: UInt32? = nil, inputInterface: String? = nil,
    outputInterface: String? = nil, ipProtocol: UInt8? = nil, destinationPorts: ClosedRange<UInt16>? = nil
  ) {
    self.family = family
    self.priority = priority
    self.table = table
    self.target = target
    self.source = source
    self.destination = destination
    self.mark = mark
    self.markMask = markMask
    self.inputInterface = inputInterface
    self.outputInterface = outputInterface
    self.ipProtocol = ipProtocol
    self.destinationPorts = destinationPorts
  }
}

extension NetlinkSocket {
  /// Adds a rule behind those of its priority; EEXIST where the same rule is there, unless there may be two.
  public func addRule(_ rule: Rule, duplicating: Bool = false) throws(NetlinkError) {
    let flags = duplicating ? NLM_F_CREATE : NLM_F_CREATE | NLM_F_EXCL
    var message = try Message(RTM_NEWRULE, flags: flags, body: rule.header)
    rule.describe(in: &message)
    try request(message, "add the routing rule \(rule.priority)")
  }

  /// Removes the rule that has all the given parts; ENOENT where there is none.
  public func removeRule(_ rule: Rule) throws(NetlinkError) {
    var message = try Message(RTM_DELRULE, body: rule.header)
    rule.describe(in: &message)
    try request(message, "remove the routing rule \(rule.priority)")
  }

  /// The rules of both families that look into a table, go to another rule, or refuse.
  public func rules() throws(NetlinkError) -> [Rule] {
    var found: [Rule] = []
    for family in [IPAddress.Family.ipv4, .ipv6] {
      var body = fib_rule_hdr()
      body.family = family.rawValue
      found += try dump(try Message(RTM_GETRULE, body: body), "list the routing rules").compactMap(Rule.init)
    }
    return found
  }
}

extension Rule {
  fileprivate var header: fib_rule_hdr {
    var body = fib_rule_hdr()
    body.family = family.rawValue
    body.src_len = source?.length ?? 0
    body.dst_len = destination?.length ?? 0
    body.table = table < 256 ? UInt8(table) : UInt8(RT_TABLE_COMPAT.rawValue)
    body.action = UInt8(action)
    return body
  }

  private var action: Int {
    if prohibits { return Int(FR_ACT_PROHIBIT) }
    if discards { return Int(FR_ACT_BLACKHOLE) }
    return Int(target == nil ? FR_ACT_TO_TBL : FR_ACT_GOTO)
  }

  fileprivate func describe(in message: inout Message) {
    message.put(FRA_PRIORITY, priority)
    if let maker { message.put(FRA_PROTOCOL, maker) }
    if let target {
      message.put(FRA_GOTO, target)
    } else if !prohibits, !discards {
      message.put(FRA_TABLE, table)
    }
    if let source { message.put(FRA_SRC, source.network.address) }
    if let destination { message.put(FRA_DST, destination.network.address) }
    if let mark { message.put(FRA_FWMARK, mark) }
    if let markMask { message.put(FRA_FWMASK, markMask) }
    if let inputInterface { message.put(FRA_IIFNAME, text: inputInterface) }
    if let outputInterface { message.put(FRA_OIFNAME, text: outputInterface) }
    if let ipProtocol { message.put(FRA_IP_PROTO, ipProtocol) }
    if let sourcePorts {
      message.put(FRA_SPORT_RANGE, fib_rule_port_range(start: sourcePorts.lowerBound, end: sourcePorts.upperBound))
    }
    if let destinationPorts {
      message.put(
        FRA_DPORT_RANGE, fib_rule_port_range(start: destinationPorts.lowerBound, end: destinationPorts.upperBound))
    }
  }

  init?(_ reply: Reply) {
    guard CInt(reply.type) == CInt(RTM_NEWRULE), let (body, attributes) = reply.split(fib_rule_hdr.self),
      let family = IPAddress.Family(rawValue: body.family),
      [FR_ACT_TO_TBL, FR_ACT_GOTO, FR_ACT_PROHIBIT, FR_ACT_BLACKHOLE].contains(where: { $0 == body.action })
    else { return nil }
    let ports = attributes.value(FRA_DPORT_RANGE, as: fib_rule_port_range.self)
    let sources = attributes.value(FRA_SPORT_RANGE, as: fib_rule_port_range.self)
    self.init(
      family, priority: attributes.value(FRA_PRIORITY) ?? 0,
      table: attributes.value(FRA_TABLE) ?? UInt32(body.table), goto: attributes.value(FRA_GOTO),
      from: attributes.address(FRA_SRC).map { IPPrefix($0, length: body.src_len) },
      to: attributes.address(FRA_DST).map { IPPrefix($0, length: body.dst_len) },
      mark: attributes.value(FRA_FWMARK), markMask: attributes.value(FRA_FWMASK),
      inputInterface: attributes.text(FRA_IIFNAME), outputInterface: attributes.text(FRA_OIFNAME),
      ipProtocol: attributes.value(FRA_IP_PROTO),
      destinationPorts: ports.flatMap { $0.start <= $0.end ? $0.start...$0.end : nil })
    sourcePorts = sources.flatMap { $0.start <= $0.end ? $0.start...$0.end : nil }
    let maker: UInt8? = attributes.value(FRA_PROTOCOL)
    self.maker = maker == 0 ? nil : maker
    prohibits = CInt(body.action) == CInt(FR_ACT_PROHIBIT)
    discards = CInt(body.action) == CInt(FR_ACT_BLACKHOLE)
  }
}
