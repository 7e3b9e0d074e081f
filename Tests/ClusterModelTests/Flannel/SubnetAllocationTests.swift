import ClusterModel
import Netlink
import Testing

@Suite struct SubnetAllocationTests {
  private func network(_ prefix: String, _ length: UInt8? = nil) throws -> FlannelConfiguration.Network {
    FlannelConfiguration.Network(try #require(IPPrefix(prefix)), subnetLength: length)
  }

  private func prefixes(_ texts: String...) throws -> [IPPrefix] { try texts.map { try #require(IPPrefix($0)) } }

  /// The first subnet is left out, as with flannel; the last is not.
  @Test func subnetsOfTheUsualNetwork() throws {
    let network = try network("10.244.0.0/16")
    #expect(network.subnetCount == 255)
    #expect(network.subnets.first?.description == "10.244.1.0/24")
    #expect(network.subnets.last?.description == "10.244.255.0/24")
    #expect(network.subnets.allSatisfy(network.gives))
    for text in ["10.244.0.0/24", "10.244.1.0/25", "10.244.1.1/24", "10.245.0.0/24", "fd00::/24"] {
      #expect(!network.gives(try #require(IPPrefix(text))), "\(text)")
    }
  }

  @Test func subnetsAtTheEndOfAllAddresses() throws {
    #expect(try network("255.255.0.0/16").subnets.last?.description == "255.255.255.0/24")
    let all = try network("ffff::/16", 64)
    #expect(all.lastSubnet.description == "ffff:ffff:ffff:ffff::")
    #expect(all.subnetCount == 0xffff_ffff_ffff)
    #expect(try all.firstFree(taken: []).description == "ffff:0:0:1::/64")
  }

  /// What nobody checked gives nothing, and does no harm.
  @Test(arguments: [("::/0", 0), ("0.0.0.0/0", 0), ("10.0.0.0/16", 8), ("10.0.0.0/16", 255), ("fd00::/64", 1)])
  func lengthsWithoutSense(prefix: String, length: UInt8) throws {
    let network = try network(prefix, length)
    #expect(throws: FlannelConfigurationError.self) {
      try FlannelConfiguration(
        ipv4: network.prefix.address.family == .ipv4 ? network : nil,
        ipv6: network.prefix.address.family == .ipv6 ? network : nil, backend: .hostGateway
      ).check()
    }
    #expect(network.subnets.count == network.subnetCount)
    _ = try? network.firstFree(taken: [network.prefix])
  }

  @Test func givesTheFirstThatIsFree() throws {
    let network = try network("10.244.0.0/16")
    #expect(try network.firstFree(taken: []).description == "10.244.1.0/24")
    let taken = try prefixes("10.244.3.0/24", "10.244.1.0/24", "10.244.1.0/24", "192.168.0.0/16", "fd00::/8")
    #expect(try network.firstFree(taken: taken).description == "10.244.2.0/24")
  }

  /// Leases of a network that had other lengths before.
  @Test func otherLengthsTakeWhatTheyOverlap() throws {
    let network = try network("10.244.0.0/16")
    let taken = try prefixes("10.244.1.128/30", "10.244.2.0/23", "10.244.4.0/22", "10.244.9.0/24")
    #expect(try network.firstFree(taken: taken).description == "10.244.8.0/24")
    #expect(throws: SubnetsExhausted.self) { try network.firstFree(taken: prefixes("10.0.0.0/8")) }
  }

  @Test func saysThatAllAreTaken() throws {
    let network = try network("10.0.0.0/26", 28)
    #expect(network.subnets.map(\.description) == ["10.0.0.16/28", "10.0.0.32/28", "10.0.0.48/28"])
    do {
      _ = try network.firstFree(taken: network.subnets)
      Issue.record("none was free")
    } catch {
      #expect(
        error.description.hasPrefix(
          "all 3 subnets of /28 that 10.0.0.0/26 has for nodes (10.0.0.16 to 10.0.0.48) are taken; release"))
    }
  }

  /// Against asking every subnet about every lease.
  @Test func agreesWithTheSlowWay() throws {
    var generator = FlannelGenerator(seed: 43)
    let network = try network("10.0.0.0/22", 27)
    for _ in 0..<2_000 {
      let taken = try (0..<Int.random(in: 0..<40, using: &generator)).map { _ in
        let length = UInt8.random(in: 25...30, using: &generator)
        let last = UInt32.random(in: 0..<1_280, using: &generator)
        return IPPrefix(try #require(IPPrefix("10.0.0.0/16")).host(last), length: length).network
      }
      let expected = network.subnets.first { subnet in
        !taken.contains { $0.contains(subnet.address) || subnet.contains($0.address) }
      }
      #expect((try? network.firstFree(taken: taken)) == expected)
    }
  }
}
