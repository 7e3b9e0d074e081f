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

  @Test(arguments: [0, 65_535] as [UInt16])
  func portsThatAreNone(_ number: UInt16) throws {
    let service = try port("a", "10.96.0.10", 80, node: number)
    #expect(throws: NodeDirectorError.self) { try ServiceRules([service], at: node) }
  }

  @Test func otherFamiliesAreRefused() throws {
    let service = try port("a", "fd00::1", 80)
    #expect(throws: NodeDirectorError.self) { try ServiceRules([service], at: node) }
  }

  @Test func portsAreNamedInFewRanges() throws {
    let numbers: [UInt16] = [30_000, 31_000, 32_767, 32_768, 4_000, 4_001, 4_003]
    let services = try numbers.enumerated().map { try port("s\($0)", "10.96.0.\($0 + 1)", 80, node: $1) }
    let ranges = try ServiceRules(services, at: node).hostPorts
    #expect(ranges == [.tcp: [30_000...32_767, 4_000...4_001, 4_003...4_003, 32_768...32_768]])
  }

  @Test func theScriptNamesAllThatIsTranslated() throws {
    let intake = RoutedIntake(
      networks: [try #require(IPPrefix("10.96.0.0/12"))], host: node,
      hostPorts: [.udp: [4_000...4_001], .tcp: [30_000...32_767, 5_000...5_000]],
      localAddresses: [try #require(IPPrefix("10.244.1.254/32"))])
    let script = Untracking.script(intake)
    #expect(script.contains("ip daddr { 10.96.0.0/12, 10.244.1.254/32 } notrack"))
    #expect(script.contains("ip daddr 172.30.0.11 meta l4proto 6 th dport { 30000-32767, 5000-5000 } notrack"))
    #expect(script.contains("ip daddr 172.30.0.11 meta l4proto 17 th dport { 4000-4001 } notrack"))
    #expect(script.hasPrefix(Untracking.removal))
  }
}
