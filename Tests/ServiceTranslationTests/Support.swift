import ClusterModel
import Netlink
import ServiceTranslation
import Testing

/// Runs a test in a world of its own with a translator for its clients.
func withWorld(_ body: (World, ServiceTranslator) throws -> Void) throws {
  let world = try World()
  defer { world.close() }
  let translator = try ServiceTranslator(pinFolder: world.pinFolder)
  for place in ["client", "client2"] { try translator.place(cookie: try world.cookie(place)) }
  try body(world, translator)
}

func pod(_ number: Int) -> IPAddress {
  IPAddress(family: .ipv4, words: (UInt32(0x0A4D_000A + number).bigEndian, 0, 0, 0))
}

func pod6(_ number: Int) -> IPAddress {
  IPAddress(family: .ipv6, words: (UInt32(0xFD77_0000).bigEndian, 0, 0, UInt32(0x10 + number).bigEndian))
}

extension ServicePort {
  private static func make(
    _ kind: String, _ number: Int, _ transport: TransportProtocol, isIPv6: Bool, _ port: UInt16, _ target: UInt16,
    _ pods: [Int], nodePort: UInt16?, affinity: UInt32?
  ) -> ServicePort {
    let clusterIP =
      isIPv6
      ? IPAddress(family: .ipv6, words: (UInt32(0xFD96_0000).bigEndian, 0, 0, UInt32(number).bigEndian))
      : IPAddress(family: .ipv4, words: (UInt32(0x0A60_0000 + number).bigEndian, 0, 0, 0))
    return ServicePort(
      name: Name(service: "\(kind)\(number)"), transport: transport, clusterIP: clusterIP, port: port,
      nodePort: nodePort, affinitySeconds: affinity,
      endpoints: pods.map { Endpoint(isIPv6 ? pod6($0) : pod($0), port: target) })
  }

  static func web(
    _ number: Int, pods: ClosedRange<Int>? = nil, podList: [Int] = [], nodePort: UInt16? = nil, affinity: UInt32? = nil
  ) -> ServicePort {
    make(
      "web", number, .tcp, isIPv6: false, 80, 8080, pods.map(Array.init) ?? podList, nodePort: nodePort,
      affinity: affinity)
  }

  static func web6(_ number: Int, pods: ClosedRange<Int>? = nil, nodePort: UInt16? = nil) -> ServicePort {
    make("six", number, .tcp, isIPv6: true, 80, 8080, pods.map(Array.init) ?? [], nodePort: nodePort, affinity: nil)
  }

  static func names(_ number: Int, pods: ClosedRange<Int>? = nil, podList: [Int] = []) -> ServicePort {
    make("names", number, .udp, isIPv6: false, 53, 5353, pods.map(Array.init) ?? podList, nodePort: nil, affinity: nil)
  }

  static func names6(_ number: Int, pods: ClosedRange<Int>? = nil) -> ServicePort {
    make("names", number, .udp, isIPv6: true, 53, 5353, pods.map(Array.init) ?? [], nodePort: nil, affinity: nil)
  }
}
