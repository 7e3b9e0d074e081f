import KernelDirector
import Testing

@testable import VirtualServer

/// The formats of /proc/net, against lines that the real IPVS was recorded to show.
@Suite("Views of /proc/net") struct ProcViewTests {
  private func endpoint(_ text: String, _ port: UInt16) throws -> Endpoint {
    Endpoint(try #require(IPAddress(text)), port: port)
  }

  private func body(_ text: String) -> [String] {
    text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
  }

  @Test func servicesAndServers() throws {
    let services = [
      ServiceSnapshot(
        identity: .address(.tcp, try endpoint("10.9.9.1", 81)), settings: ServiceSettings(scheduler: "rr"),
        counters: Counters(),
        servers: [
          ServerSnapshot(
            endpoint: try endpoint("10.0.0.201", 81), settings: ServerSettings(), activeConnections: 15,
            inactiveConnections: 12)
        ]),
      ServiceSnapshot(
        identity: .address(.tcp, try endpoint("10.9.9.2", 80)),
        settings: ServiceSettings(scheduler: "wrr", persistence: 120), counters: Counters(), servers: []),
      ServiceSnapshot(
        identity: .address(.udp, try endpoint("10.9.9.1", 53)),
        settings: ServiceSettings(scheduler: "rr", onePacket: true), counters: Counters(), servers: []),
      ServiceSnapshot(
        identity: .address(.tcp, try endpoint("fd00:9::1", 443)),
        settings: ServiceSettings(scheduler: "mh", persistence: 60, netmask: 64), counters: Counters(),
        servers: [
          ServerSnapshot(
            endpoint: try endpoint("2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff", 8443),
            settings: ServerSettings(method: .nat))
        ]),
      ServiceSnapshot(
        identity: .mark(0xffff_ffff, .ipv4), settings: ServiceSettings(), counters: Counters(), servers: []),
    ]
    #expect(
      body(ProcView.services(services)) == [
        "IP Virtual Server version 1.2.1 (size=4096)",
        "Prot LocalAddress:Port Scheduler Flags",
        "  -> RemoteAddress:Port Forward Weight ActiveConn InActConn",
        "TCP  0A090901:0051 rr  ",
        "  -> 0A0000C9:0051      Route   1      15         12        ",
        "TCP  0A090902:0050 wrr  persistent 30000 FFFFFFFF",
        "UDP  0A090901:0035 rr ops  ",
        "TCP  [fd00:0009:0000:0000:0000:0000:0000:0001]:01BB mh persistent 15000 40000000",
        "  -> [2001:0db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:20FB      Masq    1      0          0         ",
        "FWM  FFFFFFFF wlc ",
        "",
      ])
  }

  @Test func connections() throws {
    let rows: [(ConnectionState, UInt32, String)] = [
      (.closeWait, 57, "TCP 0A020032 03E8 0A090901 0050 0A0000C8 0050 CLOSE_WAIT       57"),
      (.closed, 9, "TCP 0A020032 03E8 0A090901 0050 0A0000C8 0050 CLOSE             9"),
      (.established, 898, "TCP 0A020032 03E8 0A090901 0050 0A0000C8 0050 ESTABLISHED     898"),
    ]
    for (state, seconds, line) in rows {
      let connection = ConnectionSnapshot(
        transport: .transport(.tcp), state: .connection(state), client: try endpoint("10.2.0.50", 1000),
        virtual: try endpoint("10.9.9.1", 80),
        destination: try endpoint("10.0.0.200", 80), expiresIn: seconds)
      #expect(
        body(ProcView.connections([connection])) == [
          "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData", line, "",
        ])
    }
  }

  @Test func statistics() {
    var counters = Counters()
    (counters.connections, counters.packetsIn, counters.packetsOut) = (0x5e, 0xce, 0x41)
    (counters.bytesIn, counters.bytesOut) = (0x2030, 0xa28)
    var rates = Rates()
    (rates.connections, rates.packetsIn, rates.packetsOut) = (0xa, 0x17, 0x7)
    (rates.bytesIn, rates.bytesOut) = (0x3a2, 0x126)
    #expect(
      body(ProcView.statistics(counters, rates)) == [
        "   Total Incoming Outgoing         Incoming         Outgoing",
        "   Conns  Packets  Packets            Bytes            Bytes",
        "      5E       CE       41             2030              A28",
        "",
        " Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s",
        "       A       17        7              3A2              126",
        "",
      ])
  }
}
