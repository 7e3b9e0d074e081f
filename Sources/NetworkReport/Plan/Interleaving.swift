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

  /// The same things, begun one further in each round, and every second time backwards.
  static func rotated<Item>(_ items: [Item], round: Int) -> [Item] {
    guard !items.isEmpty else { return [] }
    let start = (round - 1) % items.count
    let turned = Array(items[start...] + items[..<start])
    return (round - 1) / items.count % 2 == 1 ? turned.reversed() : turned
  }
}
