/// What this network namespace takes for itself: its interfaces' addresses, and networks that are routed to it.
public struct OwnAddresses: Sendable {
  private let prefixes: [IPPrefix]

  /// Reads them from the kernel's tables.
  public init() throws(NetlinkError) {
    let socket = try NetlinkSocket()
    // 255 has the interfaces' addresses, 254 what 'ip route add local' puts there.
    let routes = try socket.routes(table: 255) + socket.routes(table: 254)
    self.init(routes.filter { $0.kind == .local }.map(\.destination.network))
  }

  public init(_ prefixes: [IPPrefix]) { self.prefixes = prefixes }

  /// The first address of a network that is none of these; nil where all are.
  public func firstForeign(in network: IPPrefix) -> IPAddress? {
    Self.firstForeign(in: network, prefixes.filter { $0.contains(network.address) || network.contains($0.address) })
  }

  /// - Parameter prefixes: those that hold the network, or are in it.
  private static func firstForeign(in network: IPPrefix, _ prefixes: [IPPrefix]) -> IPAddress? {
    if prefixes.contains(where: { $0.length <= network.length }) { return nil }
    guard !prefixes.isEmpty, let (low, high) = network.halves else { return network.address }
    for half in [low, high] {
      let foreign = firstForeign(
        in: half, prefixes.filter { $0.contains(half.address) || half.contains($0.address) })
      if let foreign { return foreign }
    }
    return nil
  }
}

extension IPPrefix {
  /// The two networks that make up this one; nil of a single address.
  fileprivate var halves: (IPPrefix, IPPrefix)? {
    guard length < address.bitWidth else { return nil }
    let longer = length + 1
    var bytes = network.address.bytes
    bytes[Int(length) / 8] |= 0x80 >> (length % 8)
    guard let upper = IPAddress(bytes: bytes) else { return nil }
    return (IPPrefix(network.address, length: longer), IPPrefix(upper, length: longer))
  }
}
