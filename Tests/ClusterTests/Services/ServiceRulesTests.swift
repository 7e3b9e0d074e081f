import ClusterModel
import KernelDirector
import Netlink
import Testing

@testable import Cluster

@Suite struct ServiceRulesTests {
  private let node = IPAddress(family: .ipv4, words: (UInt32(172 | 30 << 8 | 11 << 24), 0, 0, 0))

  private func port(_ name: String, _ address: String, _ port: UInt16, node: UInt16? = nil) throws -> ServicePort {
    ServicePort(
      name: .init(service: name), transport: .tcp, clusterIP: try #require(IPAddress(address)), port: port,
      nodePort: node, affinitySeconds: 90,
      endpoints: [Endpoint(try #require(IPAddress("10.244.1.2")), port: 80)])
  }

  @Test func aServiceIsAtItsClusterIPAndAtItsNodePort() throws {
    var service = try port("web", "10.96.0.10", 80, node: 30_080)
    service.endpoints += service.endpoints
    let rules = try ServiceRules([service], at: node)
    #expect(rules.rules.count == 2)
    let rule = try #require(rules[.address(.tcp, Endpoint(node, port: 30_080))])
    #expect(rule == rules[.address(.tcp, Endpoint(service.clusterIP, port: 80))])
    #expect(rule.settings.persistence == 90 && rule.settings.scheduler == "rr" && rule.servers.count == 1)
  }

  @Test func whatTwoWantNobodyGets() throws {
    let services = [try port("a", "10.96.0.10", 80, node: 30_080), try port("b", "10.96.0.11", 80, node: 30_080)]
    let error = #expect(throws: NodeDirectorError.self) { try ServiceRules(services, at: node) }
    #expect(
      "\(try #require(error))"
        == "default/b and default/a are both at 172.30.0.11:30080/tcp; give one of them another address or port")
  }

  @Test func noPortIsNoNodePort() throws {
    let service = try port("a", "10.96.0.10", 80, node: 0)
    #expect(throws: NodeDirectorError.self) { try ServiceRules([service], at: node) }
  }

  @Test func otherFamiliesAreRefused() throws {
    let service = try port("a", "fd00::1", 80)
    #expect(throws: NodeDirectorError.self) { try ServiceRules([service], at: node) }
  }
}
