import ClusterModel
import Netlink
import Testing

@Suite struct SubnetLeaseTests {
  private static func lease(_ backend: SubnetLease.Backend) throws -> SubnetLease {
    SubnetLease(
      subnet: try #require(IPPrefix("10.244.33.0/24")), publicIP: try #require(IPAddress("192.168.0.52")),
      backend: backend)
  }

  private static var mac: MACAddress { MACAddress((0x8e, 0x1f, 0x03, 0xaa, 0x00, 0x5b)) }

  /// As a real flanneld 0.20.2 wrote them.
  @Test func writesWhatFlannelWrites() throws {
    let vxlan = try Self.lease(.vxlan(vni: 1, mac: Self.mac, ipv6MAC: nil))
    #expect(vxlan.key == "10.244.33.0-24")
    #expect(
      vxlan.value == #"{"PublicIP":"192.168.0.52","PublicIPv6":null,"BackendType":"vxlan","#
        + #""BackendData":{"VNI":1,"VtepMAC":"8e:1f:03:aa:00:5b"}}"#)
    #expect(
      try Self.lease(.hostGateway).value
        == #"{"PublicIP":"192.168.0.52","PublicIPv6":null,"BackendType":"host-gw"}"#)
  }

  @Test func writesBothFamilies() throws {
    var lease = try Self.lease(.vxlan(vni: 7, mac: Self.mac, ipv6MAC: MACAddress((2, 0, 0, 0, 0, 1))))
    lease.ipv6Subnet = IPPrefix("fd00:10:244:1::/64")
    lease.publicIPv6 = IPAddress("fd00::52")
    #expect(lease.key == "10.244.33.0-24&fd00:10:244:1::-64")
    #expect(
      lease.value == #"{"PublicIP":"192.168.0.52","PublicIPv6":"fd00::52","BackendType":"vxlan","#
        + #""BackendData":{"VNI":7,"VtepMAC":"8e:1f:03:aa:00:5b"},"#
        + #""BackendV6Data":{"VNI":7,"VtepMAC":"02:00:00:00:00:01"}}"#)
    #expect(try SubnetLease(key: lease.key, value: lease.value) == lease)
  }

  /// flannel keeps 16 bits of the number, and other flannels refuse a lease with more.
  @Test func writesTheLowerBitsOfLongNumbers() throws {
    #expect(try Self.lease(.vxlan(vni: 0x12_3456, mac: Self.mac, ipv6MAC: nil)).value.contains(#""VNI":13398,"#))
  }

  @Test func readsWhatOthersWrite() throws {
    let read = try SubnetLease(
      key: "/coreos.com/network/subnets/10.244.33.0-24",
      value: """
        {"PublicIP": "192.168.0.52", "BackendType": "vxlan", "Zone": [1],
         "BackendData": {"vni": 1, "vtepmac": "8E-1F-03-AA-00-5B", "More": null}, "BackendV6Data": null}
        """)
    #expect(read == (try Self.lease(.vxlan(vni: 1, mac: Self.mac, ipv6MAC: nil))))
    let plain = try SubnetLease(
      key: "10.244.33.0-24", value: #"{"PublicIP":"192.168.0.52","BackendType":"host-gw","BackendData":null}"#)
    #expect(plain == (try Self.lease(.hostGateway)))
    let other = try SubnetLease(
      key: "10.244.33.0-24", value: #"{"PublicIP":"192.168.0.52","BackendType":"wireguard","BackendData":{"a":1}}"#)
    #expect(other.backend == .other("wireguard"))
  }

  @Test(arguments: [
    ("10.244.33.0", "{}", "names no subnet"), ("10.244.33.1-24", "{}", "names no subnet"),
    ("10.244.33.0-24&fd00::", "{}", "names no subnet"), ("fd00::-64", "{}", "names no subnet"),
    ("10.244.33.0-33", "{}", "names no subnet"), ("10.244.33.0-+24", "{}", "names no subnet"),
    ("10.244.33.0-24", "", "no JSON"), ("10.244.33.0-24", "{}", "no PublicIP"), ("10.244.33.0-24", "[]", "no PublicIP"),
    ("10.244.33.0-24", #"{"PublicIP":"0.0.0.0"}"#, "no PublicIP"),
    ("10.244.33.0-24", #"{"PublicIP":"::1"}"#, #"its PublicIP is "::1", which is no such address"#),
    ("10.244.33.0-24", #"{"PublicIP":"1.2.3.4"}"#, "no BackendType"),
    ("10.244.33.0-24", #"{"PublicIP":"1.2.3.4","BackendType":"vxlan"}"#, "its BackendData has no VNI"),
    (
      "10.244.33.0-24", #"{"PublicIP":"1.2.3.4","BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"1"}}"#,
      "no VtepMAC"
    ),
    (
      "10.244.33.0-24",
      #"{"PublicIP":"1.2.3.4","BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"01:00:5e:00:00:01"}}"#,
      "no VtepMAC of one device"
    ),
  ])
  func saysWhatIsWrong(key: String, value: String, words: String) {
    do throws(SubnetLeaseFault) {
      _ = try SubnetLease(key: key, value: value)
      Issue.record("\(key) \(value) was read")
    } catch {
      #expect(error.description.contains(words), "\(error)")
      #expect(error.description.hasPrefix("the lease \(key) is passed over: "))
    }
  }

  @Test func survivesMutations() throws {
    let fragments = [
      "{", "}", "\"", ",", ":", "null", "0", "-1", "65536", "99999999999", "\\u0041", "\\", "/", "&", "-", "fd00::-64",
      "ff:", "\u{0}", "ä", "0.0.0.0", "host-gw",
    ]
    var generator = FlannelGenerator(seed: 47)
    var taken = 0
    let lease = try Self.lease(.vxlan(vni: 1, mac: Self.mac, ipv6MAC: nil))
    for _ in 0..<4_000 {
      let isKey = Bool.random(using: &generator)
      let key = isKey ? generator.mutated("/n/subnets/" + lease.key, fragments: fragments) : lease.key
      let value = isKey ? lease.value : generator.mutated(lease.value, fragments: fragments)
      do throws(SubnetLeaseFault) {
        let read = try SubnetLease(key: key, value: value)
        taken += 1
        if case .other = read.backend { continue }
        #expect(read.subnet.network == read.subnet)
        var narrow = read
        if case .vxlan(let vni, let mac, let ipv6MAC) = read.backend {
          narrow.backend = .vxlan(vni: vni & 0xffff, mac: mac, ipv6MAC: ipv6MAC)
        }
        #expect((try? SubnetLease(key: read.key, value: read.value)) == narrow)
      } catch { #expect(!error.reason.isEmpty) }
    }
    #expect((200..<3_800).contains(taken), "\(taken)")
  }
}

@Suite struct SubnetEnvironmentTests {
  private func configuration(ipv6: String? = nil) throws -> FlannelConfiguration {
    FlannelConfiguration(
      ipv4: .init(try #require(IPPrefix("10.244.0.0/16"))), ipv6: ipv6.flatMap { IPPrefix($0) }.map { .init($0) },
      backend: .hostGateway)
  }

  @Test func writesWhatFlannelWrites() throws {
    var lease = SubnetLease(
      subnet: try #require(IPPrefix("10.244.2.0/24")), publicIP: try #require(IPAddress("10.0.0.2")),
      backend: .hostGateway)
    let made = try #require(SubnetEnvironment(try configuration(), lease, mtu: 1_450, masquerades: true))
    #expect(
      made.text == """
        FLANNEL_NETWORK=10.244.0.0/16
        FLANNEL_SUBNET=10.244.2.1/24
        FLANNEL_MTU=1450
        FLANNEL_IPMASQ=true

        """)
    lease.ipv6Subnet = IPPrefix("fd00:10:244:2::/64")
    #expect(SubnetEnvironment(try configuration(), lease, mtu: 1_450, masquerades: true) == nil)
    let both = try #require(
      SubnetEnvironment(try configuration(ipv6: "fd00:10:244::/48"), lease, mtu: 1_500, masquerades: false))
    #expect(
      both.text == """
        FLANNEL_NETWORK=10.244.0.0/16
        FLANNEL_SUBNET=10.244.2.1/24
        FLANNEL_IPV6_NETWORK=fd00:10:244::/48
        FLANNEL_IPV6_SUBNET=fd00:10:244:2::1/64
        FLANNEL_MTU=1500
        FLANNEL_IPMASQ=false

        """)
    #expect(SubnetEnvironment(parsing: both.text) == both)
  }

  @Test func survivesMutations() throws {
    let text = """
      FLANNEL_NETWORK=10.244.0.0/16
      FLANNEL_SUBNET=10.244.2.1/24
      FLANNEL_IPV6_NETWORK=fd00:10:244::/48
      FLANNEL_IPV6_SUBNET=fd00:10:244:2::1/64
      FLANNEL_MTU=1450
      FLANNEL_IPMASQ=true
      """
    var generator = FlannelGenerator(seed: 53)
    var taken = 0
    for _ in 0..<3_000 {
      let mutated = generator.mutated(text, fragments: ["=", "\n", "\r\n", "FLANNEL_", "\u{0}", "/", "999", ".", "ä"])
      guard let read = SubnetEnvironment(parsing: mutated) else { continue }
      taken += 1
      #expect(read.network.contains(read.subnet.address))
    }
    #expect((100..<2_900).contains(taken), "\(taken)")
  }
}
