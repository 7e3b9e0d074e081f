import Netlink

/// What an operator should hear of FULLNAT's pools before clients do.
struct LocalAddressWarnings {
  private let ranges: [LocalAddressSnapshot]
  private let own: OwnAddresses?
  private let clashes: [LocalAddressClash]

  /// - Parameters:
  ///   - own: what this host takes for itself; nil where that is not known.
  ///   - clashes: what other rules have of the pools.
  init(_ ranges: [LocalAddressSnapshot], own: OwnAddresses?, clashes: [LocalAddressClash] = []) {
    self.ranges = ranges
    self.own = own
    self.clashes = clashes
  }

  var sentences: [String] { nearlyFull + foreign + clashes.map { "A pool of local addresses: \($0.sentence)." } }

  /// Ranges that one server may be asked from.
  private struct Pool: Hashable {
    var service: ServiceIdentity?
    var family: IPAddress.Family
    var isImplicit: Bool
  }

  /// Which pools have a server that will soon have no port left to be asked from.
  private var nearlyFull: [String] {
    let pools = Dictionary(grouping: ranges.filter { !$0.isLeaving }) {
      Pool(service: $0.service, family: $0.addresses.network.address.family, isImplicit: $0.isImplicit)
    }
    return pools.values.compactMap { ranges in
      let places = ranges.reduce(0) { $0 + $1.addresses.places }
      let fullest = UInt64(ranges.map(\.fullest).max() ?? 0)
      guard fullest > 0, fullest * 10 >= places * 9, let first = ranges.first else { return nil }
      let service = first.service.map { "\($0.named) " } ?? ""
      let whose = first.service.map { " of the service \($0.named)" } ?? ""
      return
        "The pool of local addresses\(whose) with \(first.addresses.network) is full, or nearly so: one real server has "
        + "taken \(fullest) of \(places) ports. 'svs local-address add \(service)ADDRESS' adds more."
    }.sorted()
  }

  /// Addresses that nobody answers for any more, or never did.
  private var foreign: [String] {
    guard let own else { return [] }
    return ranges.filter { !$0.isLeaving }.compactMap { range in
      let network = range.addresses.network
      guard let address = own.firstForeign(in: network) else { return nil }
      if range.isImplicit {
        return
          "\(address), from which FULLNAT asks servers since no pool has an address, is no longer this host's: replies "
          + "do not arrive. 'svs local-address add' names another, 'ip address add' brings it back."
      }
      return
        "\(address) is in a pool of local addresses but no address of this host: replies to it do not arrive. "
        + "'ip address add' makes it one; where the network is routed here, 'ip route add local \(network) dev lo' does."
    }
  }
}
