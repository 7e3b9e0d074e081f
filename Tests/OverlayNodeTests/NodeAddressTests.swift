import ClusterModel
import Netlink
import Testing

@testable import OverlayNode

@Suite struct NodeAddressTests {
  private static func host(_ lines: String) throws -> (Host, HostNetwork) {
    let host = try Host("address")
    try host.run(lines)
    return (host, try HostNetwork(host.namespace))
  }

  private static let two = """
    ip link add a0 type veth peer name a1; ip link add b0 type veth peer name b1
    ip link set a1 up; ip link set b1 up
    ip addr add 192.168.5.7/24 dev a0; ip addr add 192.168.5.8/24 dev a0; ip addr add 10.9.0.7/16 dev b0
    ip addr add fd09::7/64 dev b0 nodad
    ip link set a0 up; ip link set b0 mtu 1400 up
    ip route add default via 192.168.5.1 metric 300; ip route add default via 10.9.0.1 metric 20
    """

  @Test func ofTheDefaultRouteWithTheLeastMetric() throws {
    let (_, network) = try Self.host(Self.two)
    let address = try NodeAddress(OverlayNodeSettings(name: "n"), network)
    #expect(address.interface == "b0")
    #expect(address.mtu == 1_400)
    #expect("\(address.publicIP)" == "10.9.0.7")
    #expect(address.publicIPv6 == IPAddress("fd09::7"))
  }

  @Test(
    arguments: [
      ("a0", nil, "a0", "192.168.5.7"), ("192.168.5.8", nil, "a0", "192.168.5.8"),
      ("fd09::7", nil, "b0", "10.9.0.7"), (nil, "192.168.5.8", "a0", "192.168.5.8"),
      (nil, "203.0.113.9", "b0", "203.0.113.9"), ("a0", "203.0.113.9", "a0", "203.0.113.9"),
    ] as [(String?, String?, String, String)])
  func asSaid(_ interface: String?, _ publicIP: String?, _ name: String, _ result: String) throws {
    let (_, network) = try Self.host(Self.two)
    var settings = OverlayNodeSettings(name: "n")
    settings.interface = interface
    settings.publicIP = publicIP.flatMap { IPAddress($0) }
    let address = try NodeAddress(settings, network)
    #expect(address.interface == name)
    #expect("\(address.publicIP)" == result)
  }

  @Test func whatIsNotThereIsSaid() throws {
    let (_, network) = try Self.host("ip link set lo up; ip link add d0 type bridge; ip link set d0 up")
    func error(_ interface: String?) -> OverlayNodeError? {
      var settings = OverlayNodeSettings(name: "n")
      settings.interface = interface
      do throws(OverlayNodeError) { _ = try NodeAddress(settings, network) } catch { return error }
      return nil
    }
    #expect(error(nil) == .noDefaultRoute)
    #expect(error("eth7") == .noInterface("eth7"))
    #expect(error("192.0.2.1") == IPAddress("192.0.2.1").map { .noSuchAddress($0) })
    #expect(error("d0") == .noAddress(interface: "d0", .ipv4))
  }

  @Test(arguments: [
    ("10.9.0.0/16", true), ("10.0.0.0/8", true), ("10.9.128.0/17", true), ("10.8.0.0/16", false),
    ("10.10.0.0/16", false), ("192.168.5.0/24", false),
  ])
  func thePodsNetworkIsNotTheHosts(_ pods: String, _ overlaps: Bool) throws {
    let (_, network) = try Self.host(Self.two)
    let address = try NodeAddress(OverlayNodeSettings(name: "n"), network)
    let prefix = try #require(IPPrefix(pods))
    let configuration = FlannelConfiguration(ipv4: .init(prefix), backend: .hostGateway)
    var error: OverlayNodeError?
    do throws(OverlayNodeError) { try address.check(configuration) } catch let caught { error = caught }
    #expect(
      error == (overlaps ? .overlap(pods: prefix, host: try #require(IPPrefix("10.9.0.0/16")), interface: "b0") : nil))
  }

  @Test func aNetworkOfBothFamiliesNeedsBothAddresses() throws {
    let (_, network) = try Self.host(Self.two)
    let pods = FlannelConfiguration.Network(try #require(IPPrefix("10.244.0.0/16")))
    let ipv6 = FlannelConfiguration.Network(try #require(IPPrefix("fd10:244::/48")))
    var settings = OverlayNodeSettings(name: "n")
    settings.interface = "a0"
    let address = try NodeAddress(settings, network)
    try address.check(FlannelConfiguration(ipv4: pods, backend: .hostGateway))
    #expect(throws: OverlayNodeError.noAddress(interface: "a0", .ipv6)) {
      try address.check(FlannelConfiguration(ipv4: pods, ipv6: ipv6, backend: .hostGateway))
    }
    #expect(throws: OverlayNodeError.noIPv4) {
      try address.check(FlannelConfiguration(ipv4: nil, ipv6: ipv6, backend: .hostGateway))
    }
  }
}
