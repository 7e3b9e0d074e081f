@testable import IngressModel

/// Random numbers that a seed repeats.
struct RepeatableRandom: RandomNumberGenerator {
  var state: UInt64

  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    return StableHash.mix(state)
  }
}

extension Moment {
  static func second(_ seconds: Double) -> Moment { Moment(nanoseconds: UInt64(seconds * 1e9)) }
}

extension BackendService {
  static let place = SourcePlace(file: "ingress.yaml", line: 7)

  /// A service of servers 10.0.0.1, 10.0.0.2 and so on, of these weights.
  static func servers(
    _ weights: [Int], named name: String = "shop", _ change: (inout BackendService) -> Void = { _ in }
  ) -> BackendService {
    var service = BackendService(
      name: name,
      members: .servers(
        weights.enumerated().map { Server(host: "10.0.0.\($0.offset + 1)", port: 80, weight: $0.element) }),
      source: place)
    change(&service)
    return service
  }

  static func parts(
    _ parts: [WeightedService], named name: String, _ change: (inout BackendService) -> Void = { _ in }
  ) -> BackendService {
    var service = BackendService(name: name, members: .services(parts), source: place)
    change(&service)
    return service
  }
}

extension ServicePools {
  init(_ services: [BackendService], inheriting older: ServicePools? = nil) throws(ServicePoolError) {
    try self.init(
      Dictionary(services.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first }), inheriting: older)
  }
}

extension ClientAddress {
  static func v4(_ number: Int) -> ClientAddress? {
    ClientAddress(bytes: [10, UInt8(number >> 16 & 255), UInt8(number >> 8 & 255), UInt8(number & 255)])
  }
}

extension Choice {
  /// The last number of the server's address.
  var number: String { String(server.server.host.split(separator: ".").last ?? "") }
}
