import DataplaneTypes

/// The ports of services by address, as ranges that routing rules name, by protocol number.
///
/// Only what is for a service may be routed past the host's own sockets: the kernel drops packets to forward for which
/// it has found one.
struct SteeredPorts: Equatable {
  private(set) var ranges: [UInt8: [ClosedRange<UInt16>]] = [:]

  /// Every rule costs every routing decision of the host a little, so there are no more than these for a protocol;
  /// neighbours are joined until they are so few.
  static let limit = 32

  init() {}

  init(of services: some Sequence<svs_service_key>) {
    var all: [UInt8: [ClosedRange<UInt16>]] = [:]
    for key in services { all[key.proto, default: []] += Self.ports(key) }
    ranges = all.mapValues(Self.joined)
  }

  /// Whether packets to a service are steered already.
  func covers(_ key: svs_service_key) -> Bool {
    Self.ports(key).allSatisfy { wanted in
      ranges[key.proto]?.contains { $0.contains(wanted.lowerBound) && $0.contains(wanted.upperBound) } ?? false
    }
  }

  /// The ports that a service may take, FTP's data connections among them.
  static func ports(_ key: svs_service_key) -> [ClosedRange<UInt16>] {
    let port = UInt16(bigEndian: key.port)
    if port == 0 { return [1...65_535] }
    // Persistence sends FTP's data connections to the same service.
    if port == 21, key.proto == TransportProtocol.tcp.rawValue { return [20...21, 1_024...65_534] }
    return [port...port]
  }

  private static func joined(_ ranges: [ClosedRange<UInt16>]) -> [ClosedRange<UInt16>] {
    var result: [ClosedRange<UInt16>] = []
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      guard let last = result.last, UInt32(range.lowerBound) <= UInt32(last.upperBound) + 1 else {
        result.append(range)
        continue
      }
      result[result.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
    }
    if result.count <= limit { return result }
    // Only the widest gaps stay.
    let gaps = result.indices.dropFirst().sorted {
      result[$0].lowerBound - result[$0 - 1].upperBound > result[$1].lowerBound - result[$1 - 1].upperBound
    }
    var fewer: [ClosedRange<UInt16>] = []
    var first = 0
    for start in gaps.prefix(limit - 1).sorted() + [result.count] {
      fewer.append(result[first].lowerBound...result[start - 1].upperBound)
      first = start
    }
    return fewer
  }
}
