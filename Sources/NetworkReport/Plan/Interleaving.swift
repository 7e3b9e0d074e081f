/// One step of the throughput part.
enum ThroughputStep: Hashable, Sendable {
  case switchBackend(String)
  case run(OverlayPath, TransferDirection, timesEcho: Bool)
}

/// The order in which things are measured, so that no one of them always comes first, or always after the same one.
enum Interleaving {
  /// One round of the throughput paths.
  ///
  /// Each round has both backends and changes once: it begins with the backend that the one before ended with. Node to
  /// node, which needs neither, stands between the two, so that both have it as near. Paths and directions turn around
  /// from round to round.
  ///
  /// - Parameters:
  ///   - round: from 1.
  ///   - backend: what is in use when the round begins.
  static func throughputRound(_ round: Int, backend: String, timesEcho: Bool) -> [ThroughputStep] {
    let vxlan: [OverlayPath] = [.podToPodVXLAN, .podToNodeVXLAN]
    let hostGateway: [OverlayPath] = [.podToPodHostGateway, .podToNodeHostGateway]
    let blocks = backend == "host-gw" ? [hostGateway, vxlan] : [vxlan, hostGateway]
    // In pairs of rounds: whichever backend comes first has had both orders after four.
    let isTurned = (round - 1) / 2 % 2 == 1
    var steps: [ThroughputStep] = []
    if backend != blocks[0][0].backend, let first = blocks[0][0].backend { steps.append(.switchBackend(first)) }
    let paths = blocks.map { isTurned ? $0.reversed() : $0 }
    steps += paths[0].flatMap { runs($0, round, timesEcho) }
    steps += runs(.nodeToNode, round, timesEcho)
    if let second = blocks[1][0].backend { steps.append(.switchBackend(second)) }
    steps += paths[1].flatMap { runs($0, round, timesEcho) }
    return steps
  }

  private static func runs(_ path: OverlayPath, _ round: Int, _ timesEcho: Bool) -> [ThroughputStep] {
    let directions: [TransferDirection] =
      round % 2 == 1 ? [.clientSends, .serverSends] : [.serverSends, .clientSends]
    return directions.map { .run(path, $0, timesEcho: timesEcho && $0 == .clientSends) }
  }

  /// The same things in an order of their own in each round: a row of a balanced Latin square (Williams, 1949).
  ///
  /// In as many rounds as there are things each has each place once, and if they are even in number each comes right
  /// after each other one once. Every second time around goes backwards, which makes up for an odd number.
  static func balanced<Item>(_ items: [Item], round: Int) -> [Item] {
    let count = items.count
    guard count > 1 else { return items }
    // 0, 1, n − 1, 2, n − 2 and so on: all differences occur once, so that all followers do when everything is shifted.
    let places = (0..<count).map { $0.isMultiple(of: 2) ? (count - $0 / 2) % count : ($0 + 1) / 2 }
    let order = places.map { items[($0 + round - 1) % count] }
    return (round - 1) / count % 2 == 1 ? order.reversed() : order
  }
}
