import ClusterModel
import Cluster
import LeaseStores
import Netlink
import Testing

@testable import OverlayNode

@Suite struct OverlayNodeEventTests {
  private static func lease(_ number: UInt8) throws -> SubnetLease {
    SubnetLease(
      subnet: try #require(IPPrefix("10.244.\(number).0/24")), publicIP: try #require(IPAddress("192.168.0.\(number)")),
      backend: .hostGateway)
  }

  @Test func eachIsOneLineOfJSONWithItsName() throws {
    let (first, second) = (try Self.lease(1), try Self.lease(2))
    let silence = LeaseStoreError.unreachable(place: "etcd", reason: "it said \"no\"\nand went\u{1}")
    let events: [(String, OverlayNodeEvent)] = [
      ("address", .address(interface: "eth0", publicIP: first.publicIP)), ("waiting", .waiting(silence)),
      ("reached", .reached(place: "etcd")), ("lease", .lease(first, place: "etcd")), ("renewed", .renewed(first)),
      ("lost", .lost(.lostLease(subnet: first.subnet, place: "etcd", reason: "it expired"))),
      ("fault", .fault(.noDefaultRoute)), ("twice", .twice(first)),
      ("peers", .peers(joined: [first], changed: [], left: [second])),
      ("up", .isUp(first, backend: "host-gw", peers: 3, file: "/run/x")),
      ("kernel", .kernel(.problems(node: "n", []))), ("repaired", .kernel(.repaired(node: "n", []))),
      ("ended", .ended(wasUp: true, removed: false)),
    ]
    for (name, event) in events {
      #expect(!event.json.contains("\n"))
      let value = try JSONValue(parsing: event.json)
      #expect(value["event"]?.text == name)
      #expect(value["text"]?.text == event.description)
    }
    let peers = try JSONValue(parsing: events[8].1.json)
    #expect(peers["joined"]?.elements?.first?["subnet"]?.text == "10.244.1.0/24")
    #expect(peers["left"]?.elements?.first?["publicIP"]?.text == "192.168.0.2")
  }

  @Test func silenceIsOneTroubleWhateverTheConnectionDiedOf() {
    let refused = OverlayNodeEvent.waiting(.unreachable(place: "etcd", reason: "connection refused"))
    let slow = OverlayNodeEvent.fault(.store(.slow(place: "etcd", limit: .seconds(5))))
    let missing = OverlayNodeEvent.waiting(.noConfiguration(place: "etcd"))
    #expect(refused.isSameTrouble(as: slow))
    #expect(!refused.isSameTrouble(as: missing))
    #expect(missing.isSameTrouble(as: missing))
  }
}
