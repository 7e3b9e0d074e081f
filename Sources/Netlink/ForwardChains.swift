import CNetlink
import Glibc

/// A chain of nftables at the hook of what is forwarded, whose policy is to drop (linux/netfilter/nf_tables.h).
public struct DroppingChain: Hashable, Sendable {
  public var table: String
  public var name: String
  /// NFPROTO_*: 1 is both families.
  var family: UInt8
  /// What the rules of its table compare: whether one goes by the mark, by an interface's number or by a set of names; and
  /// their bytes, in which names of interfaces stand.
  var asksForMarks = false
  var bytes: [UInt8] = []

  /// Whether packets of a family come by.
  public func sees(_ family: IPAddress.Family) -> Bool { self.family == 1 || self.family == family.rawValue }

  /// Whether a rule may be meant for what leaves by this interface. A chain can send packets to any other of its table,
  /// so that all rules of that count; what they say beside the name is not judged.
  public func mayAccept(_ interface: String) -> Bool {
    // As far as a name with a wildcard behind it would have it in common.
    let stem = Array(interface.utf8.prefix { $0 < UInt8(ascii: "0") || $0 > UInt8(ascii: "9") })
    return asksForMarks || bytes.indices.contains { bytes[$0...].starts(with: stem) }
  }
}

/// Of linux/netfilter/nf_tables.h and nfnetlink.h.
private enum NFTables {
  static let getChain = 10 << 8 | 4
  static let getRule = 10 << 8 | 7
  static let forward: UInt32 = 2
  static let drop: UInt32 = 0
  static let markKey: UInt32 = 3
  static let outputIndexKey: UInt32 = 5
  static let outputNameKey: UInt32 = 7

  /// struct nfgenmsg: the family, 0 for all, a version and a number that mean nothing here.
  static let body: UInt32 = 0
}

extension NetlinkSocket {
  /// The chains that drop what is to be forwarded unless a rule accepts it; none where the kernel has no nftables.
  ///
  /// The socket must be of the family ``Family/netfilter``.
  public func droppingForwardChains() throws(NetlinkError) -> [DroppingChain] {
    let replies = try dump(try Message(NFTables.getChain, body: NFTables.body), "list the chains of nftables")
    var chains = replies.compactMap(DroppingChain.init)
    if chains.isEmpty { return [] }
    for reply in try dump(try Message(NFTables.getRule, body: NFTables.body), "list the rules of nftables") {
      guard let (body, attributes) = reply.split(UInt32.self), let table = attributes.text(1) else { continue }
      for index in chains.indices where chains[index].table == table && chains[index].family == UInt8(body & 0xff) {
        chains[index].read(attributes.nested(4))
      }
    }
    return chains
  }
}

extension DroppingChain {
  fileprivate init?(_ reply: Reply) {
    guard let (body, attributes) = reply.split(UInt32.self), let table = attributes.text(1),
      let name = attributes.text(3), let policy: UInt32 = attributes.value(5), policy.bigEndian == NFTables.drop,
      let hook: UInt32 = attributes.nested(4).value(1), hook.bigEndian == NFTables.forward
    else { return nil }
    self.init(table: table, name: name, family: UInt8(body & 0xff))
  }

  /// Takes notice of a rule's expressions.
  fileprivate mutating func read(_ expressions: Attributes) {
    var found = false
    var asksForNames = false
    var looksUp = false
    var all: [UInt8] = []
    expressions.forEach { _, payload in
      let expression = Attributes(payload)
      let data = expression.nested(2)
      let name = expression.text(1)
      if name == "meta", let key: UInt32 = data.value(2) {
        if [NFTables.markKey, NFTables.outputIndexKey].contains(key.bigEndian) { found = true }
        if key.bigEndian == NFTables.outputNameKey { asksForNames = true }
      }
      // The names of a set or a map stand elsewhere.
      if name == "lookup" { looksUp = true }
      // A match of iptables' that nftables has no words for.
      if name == "match", data.text(1) == "mark" { found = true }
      all += payload
    }
    asksForMarks = asksForMarks || found || asksForNames && looksUp
    bytes += all
  }
}
