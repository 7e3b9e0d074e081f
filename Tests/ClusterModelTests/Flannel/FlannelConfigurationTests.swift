import ClusterModel
import Netlink
import Testing

@Suite struct FlannelConfigurationTests {
  /// What is wrong with a text, as people see it.
  private func complaint(_ json: String) -> String? {
    do throws(FlannelConfigurationError) {
      _ = try FlannelConfiguration(json: json)
      return nil
    } catch { return error.description }
  }

  @Test func readsKubeFlannelsConfigMap() throws {
    let json = """
      {
        "Network": "10.244.0.0/16",
        "EnableNFTables": false,
        "Backend": {
          "Type": "host-gw"
        }
      }
      """
    let (made, notes) = try FlannelConfiguration.read(json: json)
    #expect(made == FlannelConfiguration(ipv4: .init(try #require(IPPrefix("10.244.0.0/16"))), backend: .hostGateway))
    #expect(made.ipv4?.subnetLength == 24)
    #expect(notes == [])
  }

  @Test func readsEverythingOfVXLAN() throws {
    let made = try FlannelConfiguration(
      json: """
        {"Network": "10.5.0.0/16", "SubnetLen": 28, "SubnetMin": "10.5.10.0", "SubnetMax": "10.5.99.0",
         "EnableIPv6": true, "IPv6Network": "fd00:5::/48", "IPv6SubnetLen": 60, "IPv6SubnetMin": "fd00:5:0:100::",
         "IPv6SubnetMax": "fd00:5:0:ff00::",
         "Backend": {"Type": "vxlan", "VNI": 4096, "Port": 4789, "MTU": 9000, "DirectRouting": true, "GBP": false}}
        """)
    let ipv4 = try #require(made.ipv4)
    #expect(ipv4.prefix == IPPrefix("10.5.0.0/16"))
    #expect(ipv4.subnetLength == 28)
    #expect(ipv4.firstSubnet == IPAddress("10.5.10.0"))
    #expect(ipv4.lastSubnet == IPAddress("10.5.99.0"))
    let ipv6 = try #require(made.ipv6)
    #expect(ipv6.prefix == IPPrefix("fd00:5::/48"))
    #expect(ipv6.subnetLength == 60)
    #expect(ipv6.firstSubnet == IPAddress("fd00:5:0:100::"))
    #expect(made.backend == .vxlan(.init(vni: 4096, port: 4789, mtu: 9000, directRouting: true)))
    #expect(try FlannelConfiguration(json: made.json) == made)
  }

  /// Go reads names of members in any case, takes null for nothing, and the last of two.
  @Test func readsAsGoDoes() throws {
    let made = try FlannelConfiguration(
      json: """
        {"network": "10.9.0.0/8", "network": "10.9.3.4/16", "SUBNETLEN": 0, "SubnetMin": null, "SubnetMax": "0.0.0.0",
         "Backend": {"type": "vxlan", "Port": 0, "vni": null}}
        """)
    #expect(made.ipv4?.prefix == IPPrefix("10.9.0.0/16"))
    #expect(made.ipv4?.firstSubnet == IPAddress("10.9.1.0"))
    #expect(made.backend == .vxlan(.init()))
  }

  @Test(arguments: [
    ("10.0.0.0/22", 24), ("10.0.0.0/23", 25), ("10.0.0.0/28", 30), ("10.0.0.0/8", 24), ("fd00::/62", 64),
    ("fd00::/63", 65), ("fd00::/48", 64),
  ])
  func subnetLengthOfSmallNetworks(network: String, length: UInt8) throws {
    #expect(FlannelConfiguration.Network(try #require(IPPrefix(network))).subnetLength == length)
  }

  @Test(arguments: [
    ("", "net-conf.json: this is no JSON, line 1, column 1: the text ends where a value should be;"),
    ("{\n \"Network\" 1}", "this is no JSON, line 2, column 12: the colon after a name is missing;"),
    ("[]", "net-conf.json is []: this is no object; write {"),
    ("{}", "net-conf.json: Network: it is missing; write \"Network\": \"10.244.0.0/16\""),
    (#"{"Network": "10.244.0.0", "Backend": {"Type": "vxlan"}}"#, "is \"10.244.0.0\": this is no IPv4 network with a"),
    (#"{"Network": "fd00::/48", "Backend": {"Type": "vxlan"}}"#, "Network is \"fd00::/48\": this is no IPv4 network"),
    (#"{"Network": 10, "Backend": {"Type": "vxlan"}}"#, "net-conf.json: Network is 10: this is no IPv4 network"),
    (#"{"Network": "10.244.0.0/16"}"#, "Backend: it is missing, and flannel takes its udp backend then, which is not"),
    (#"{"Network": "10.244.0.0/16", "Backend": "vxlan"}"#, "Backend is \"vxlan\": this is no object; write"),
    (#"{"Network": "10.244.0.0/16", "Backend": {}}"#, "Backend.Type: it is missing; write \"Backend\": {\"Type\""),
    (#"{"Network": "10.244.0.0/16", "Backend": {"Type": "udp"}}"#, "Backend.Type is \"udp\": this backend is not"),
    (#"{"Network": "10.244.0.0/16", "Backend": {"Type": "VXLAN"}}"#, "Backend.Type is \"VXLAN\": this backend is not"),
    (
      #"{"Network": "10.244.0.0/16", "EnableIPv4": false, "Backend": {"Type": "vxlan"}}"#, "EnableIPv4 is false: leases"
    ),
    (#"{"Network": "10.244.0.0/16", "EnableIPv6": true, "Backend": {"Type": "vxlan"}}"#, "IPv6Network: it is missing"),
    (#"{"Network": "10.244.0.0/16", "EnableIPv6": "yes", "Backend": {"Type": "vxlan"}}"#, "this is neither true nor"),
    (#"{"Network": "10.0.0.0/29", "Backend": {"Type": "vxlan"}}"#, "its prefix length is not between 1 and 28,"),
    (#"{"Network": "0.0.0.0/0", "Backend": {"Type": "vxlan"}}"#, "its prefix length is not between 1 and 28,"),
    (#"{"Network": "10.0.0.0/16", "SubnetLen": 17, "Backend": {"Type": "vxlan"}}"#, "SubnetLen is 17: 10.0.0.0/16 has"),
    (#"{"Network": "10.0.0.0/16", "SubnetLen": 31, "Backend": {"Type": "vxlan"}}"#, "is 31: this is no number from 0"),
    (
      #"{"Network": "10.0.0.0/16", "SubnetLen": "24", "Backend": {"Type": "vxlan"}}"#, "this is no number from 0 to 30;"
    ),
    (
      #"{"Network": "10.0.0.0/16", "SubnetMin": "10.1.0.0", "Backend": {"Type": "vxlan"}}"#,
      "this is not in 10.0.0.0/16"
    ),
    (
      #"{"Network": "10.0.0.0/16", "SubnetMin": "10.0.1.9", "Backend": {"Type": "vxlan"}}"#,
      "SubnetMin is \"10.0.1.9\": no subnet of /24 begins there; write \"10.0.1.0\""
    ),
    (
      #"{"Network": "10.0.0.0/16", "SubnetMin": "10.0.9.0", "SubnetMax": "10.0.8.0", "Backend": {"Type": "vxlan"}}"#,
      "SubnetMax is \"10.0.8.0\": this is before SubnetMin, 10.0.9.0; exchange the two"
    ),
    (
      #"{"Network": "10.0.0.0/16", "Backend": {"Type": "vxlan", "VNI": 0}}"#, "Backend.VNI is 0: this is no number from"
    ),
    (#"{"Network": "10.0.0.0/16", "Backend": {"Type": "vxlan", "VNI": 16777216}}"#, "number from 1 to 16777215; write"),
    (#"{"Network": "10.0.0.0/16", "Backend": {"Type": "vxlan", "Port": 65536}}"#, "Backend.Port is 65536: this is no"),
    (
      #"{"Network": "10.0.0.0/16", "Backend": {"Type": "vxlan", "MTU": 100}}"#,
      "has 50 bytes less than this, and needs 68"
    ),
    (#"{"Network": "10.0.0.0/16", "Backend": {"Type": "vxlan", "Learning": true}}"#, "tunnels do not learn here"),
    (#"{"Network": "10.0.0.0/16", "Backend": {"Type": "vxlan", "GBP": true}}"#, "group policy is not served"),
  ])
  func saysWhatIsWrong(json: String, words: String) throws {
    let complaint = try #require(self.complaint(json))
    #expect(complaint.contains(words), "\(complaint)")
    #expect(complaint.hasPrefix("net-conf.json"))
    #expect(complaint.contains("; "))
  }

  @Test func saysWhatHasNoEffect() throws {
    let notes = try FlannelConfiguration.read(
      json: """
        {"Network": "10.0.0.0/16", "SubnetLenght": 25, "IPv6Network": "fd00::/48", "EnableNFTables": true,
         "Backend": {"Type": "host-gw", "VNI": 1}}
        """
    ).notes
    #expect(notes.count == 4)
    #expect(notes.contains { $0.hasPrefix("net-conf.json: SubnetLenght has no effect; known there are Network, ") })
    #expect(notes.contains("net-conf.json: Backend.VNI has no effect; known there are Type"))
  }

  @Test func writesWhatPeopleWrite() throws {
    let network = FlannelConfiguration.Network(try #require(IPPrefix("10.244.0.0/16")))
    #expect(
      FlannelConfiguration(ipv4: network, backend: .hostGateway).json
        == #"{"Network":"10.244.0.0/16","SubnetLen":24,"Backend":{"Type":"host-gw"}}"#)
    #expect(
      FlannelConfiguration(ipv4: network, backend: .vxlan(.init(port: 4789))).json
        == #"{"Network":"10.244.0.0/16","SubnetLen":24,"Backend":{"Type":"vxlan","VNI":1,"Port":4789}}"#)
  }

  /// Whatever is read can be served, and is read again from what is written; else there is a sentence.
  @Test func survivesMutations() throws {
    let seeds = [
      #"{"Network": "10.244.0.0/16", "SubnetLen": 24, "Backend": {"Type": "vxlan", "VNI": 1, "Port": 8472}}"#,
      """
      {"Network": "10.5.0.0/16", "SubnetLen": 28, "SubnetMin": "10.5.10.0", "SubnetMax": "10.5.99.0",
       "EnableIPv6": true, "IPv6Network": "fd00:5::/48", "Backend": {"Type": "host-gw", "MTU": 1500}}
      """,
    ]
    let fragments = [
      "{", "}", "[", "]", "\"", ",", ":", "null", "true", "0", "1", "32", "-1", "1e9", "\\u", "\\ud800", "\\", "/",
      "10.5.0.0", "::", "ff", "\u{0}", "ä", "99999999999999999999", "255.255.255.0/24",
    ]
    var generator = FlannelGenerator(seed: 41)
    var taken = 0
    for round in 0..<4_000 {
      let text = generator.mutated(seeds[round % 2], fragments: fragments)
      do {
        let made = try FlannelConfiguration(json: text)
        taken += 1
        #expect(try FlannelConfiguration(json: made.json) == made)
        let subnet = try made.ipv4?.firstFree(taken: [])
        #expect(made.ipv4.map { network in subnet.map(network.gives) ?? false } == true)
      } catch let error as FlannelConfigurationError {
        #expect(!error.reason.isEmpty && !error.remedy.isEmpty)
      } catch { Issue.record("\(text): \(error)") }
    }
    #expect((200..<3_800).contains(taken), "\(taken)")
  }
}
