import KernelDirector
import Testing

@testable import VirtualServer

/// Layouts that the replayed records do not reach: figures of real traffic, as the real ipvsadm printed them.
@Suite("Listing")
struct ListingTests {
  private func run(_ store: MemoryRuleStore, _ arguments: String...) -> String {
    var interpreter = CommandInterpreter(
      program: "ipvsadm", names: TableOfNames(), console: MemoryConsole()
    ) { () throws(DirectorError) in store }
    #expect(interpreter.run(arguments) == 0)
    return interpreter.console.output
  }

  private func endpoint(_ address: String, _ port: UInt16) throws -> Endpoint {
    Endpoint(try #require(IPAddress(address)), port: port)
  }

  @Test("Counters are rounded to K, M, G and T where nine columns would not hold them")
  func counters() {
    func column(_ value: UInt64, exact: Bool = false) -> String {
      var text = ""
      text.append(counter: value, exact: exact)
      return text
    }
    #expect(column(0) == "        0")
    #expect(column(99_999_999) == " 99999999")
    #expect(column(100_000_000) == "  100000K")
    #expect(column(999_999_999) == "  999999K")
    #expect(column(1_364_298_944) == "    1364M")
    #expect(column(100_000_000_000) == "     100G")
    #expect(column(99_999_999_999_999) == "   99999G")
    #expect(column(100_000_000_000_000) == "     100T")
    #expect(column(.max) == "18446744T")
    #expect(column(1, exact: true) == "        1")
    #expect(column(1_364_298_944, exact: true) == " 1364298944")
    #expect(column(.max, exact: true) == " 18446744073709551615")
  }

  @Test("Statistics of a service and its server")
  func statistics() throws {
    var counters = Counters()
    counters.connections = 1
    counters.packetsIn = 22118
    counters.packetsOut = 11670
    counters.bytesIn = 1_364_298_944
    counters.bytesOut = 606_848
    var server = ServerSnapshot(endpoint: try endpoint("10.0.0.11", 80), settings: ServerSettings(method: .nat))
    server.counters = counters
    let service = ServiceSnapshot(
      identity: .address(.tcp, try endpoint("10.9.9.1", 80)), settings: ServiceSettings(scheduler: "rr"),
      counters: counters, servers: [server])
    var listing = ServiceListing(CommandOptions(.stats, .numeric), names: TableOfNames())
    #expect(
      listing.text(of: [service]) == """
        Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes
          -> RemoteAddress:Port
        TCP  10.9.9.1:80                         1    22118    11670    1364M   606848
          -> 10.0.0.11:80                        1    22118    11670    1364M   606848

        """)
    var exact = ServiceListing(CommandOptions(.stats, .numeric, .exact), names: TableOfNames())
    #expect(
      exact.text(of: [service]).contains(
        "  -> 10.0.0.11:80                        1    22118    11670 1364298944   606848\n"))
  }

  @Test("Connections, by number and by name")
  func connections() throws {
    let store = MemoryRuleStore()
    store.liveConnections = [
      ConnectionSnapshot(
        transport: .transport(.udp), state: .connection(.udp), client: try endpoint("192.0.2.10", 53),
        virtual: try endpoint("10.9.9.1", 53),
        destination: try endpoint("10.0.0.11", 53), expiresIn: 299),
      ConnectionSnapshot(
        transport: .transport(.tcp), state: .connection(.established), client: try endpoint("192.0.2.10", 33333),
        virtual: try endpoint("10.9.9.1", 80), destination: try endpoint("10.0.0.11", 80), expiresIn: 899),
      ConnectionSnapshot(
        transport: .transport(.tcp), state: .connection(.closed), client: try endpoint("fd00:1::1:2", 37963),
        virtual: try endpoint("fd00:9::1", 80), destination: try endpoint("fd00:a::13", 80), expiresIn: 9),
      ConnectionSnapshot(
        transport: .transport(.tcp), state: .connection(.timeWait), client: try endpoint("10.1.0.1", 1),
        virtual: try endpoint("10.9.9.1", 80),
        destination: try endpoint("10.0.0.11", 80), expiresIn: 6000),
      ConnectionSnapshot(
        transport: .any, state: .template(isAssured: true), client: try endpoint("10.1.0.1", 0),
        virtual: try endpoint("0.0.0.1", 0), destination: try endpoint("10.0.0.13", 0), expiresIn: 299),
      ConnectionSnapshot(
        transport: .transport(.udp), state: .template(isAssured: false), client: try endpoint("10.1.0.1", 0),
        virtual: try endpoint("10.9.9.1", 53), destination: try endpoint("10.0.0.13", 53), expiresIn: 59),
    ]
    #expect(
      run(store, "-Lcn") == """
        IPVS connection entries
        pro expire state       source             virtual            destination
        UDP 04:59  UDP         192.0.2.10:53      10.9.9.1:53        10.0.0.11:53
        TCP 14:59  ESTABLISHED 192.0.2.10:33333   10.9.9.1:80        10.0.0.11:80
        TCP 00:09  CLOSE       [fd00:1::1:2]:37963 [fd00:9::1]:80     [fd00:a::13]:80
        TCP 100:00 TIME_WAIT   10.1.0.1:1         10.9.9.1:80        10.0.0.11:80
        IP  04:59  ASSURED     10.1.0.1:0         0.0.0.1:0          10.0.0.13:0
        UDP 00:59  NONE        10.1.0.1:0         10.9.9.1:53        10.0.0.13:53

        """)
    #expect(
      run(store, "-Lc").contains("UDP 04:59  UDP         web.example:domain vip.example:domain rs1.example:domain\n"))
    #expect(run(store, "-Lc").contains("[fd00:1::1:2]:37963 [fd00:9::1]:http   [fd00:a::13]:http\n"))
  }

  @Test("Every state has the name that IPVS gives it")
  func states() throws {
    let names = [
      "NONE", "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT", "TIME_WAIT", "CLOSE", "CLOSE_WAIT", "LAST_ACK",
      "LISTEN", "SYNACK", "UDP",
    ]
    let store = MemoryRuleStore()
    let any = try endpoint("10.0.0.1", 1)
    store.liveConnections = try names.indices.map { index in
      ConnectionSnapshot(
        transport: .transport(.tcp), state: .connection(try #require(ConnectionState(rawValue: UInt8(index)))),
        client: any, virtual: any,
        destination: any, expiresIn: 0)
    }
    let states = run(store, "-Lcn").split(separator: "\n").dropFirst(2).map { $0.split(separator: " ")[2] }
    #expect(states.map(String.init) == names)
  }

  /// 100 precedes 200 and 200 precedes 10 by the sign of their difference, and so does 10 before 100: what comes out
  /// is what the merge of [10] with [100, 200] makes of it.
  @Test("Servers more than 2^31 apart are ordered round the circle")
  func circularOrder() throws {
    #expect(try order("10.0.0.1", "200.0.0.1") == ["200.0.0.1", "10.0.0.1"])
    #expect(try order("10.0.0.1", "200.0.0.1", "100.0.0.1") == ["10.0.0.1", "100.0.0.1", "200.0.0.1"])
    #expect(try order("10.0.0.1", "130.0.0.1", "100.0.0.1") == ["10.0.0.1", "100.0.0.1", "130.0.0.1"])
    #expect(try order("::1", "fd00::1", "2001:db8::1") == ["fd00::1", "::1", "2001:db8::1"])
  }

  private func order(_ addresses: String...) throws -> [String] {
    let servers = try addresses.map {
      ServerSnapshot(endpoint: try endpoint($0, 80), settings: ServerSettings())
    }
    return ListingOrder.servers(servers).map(\.endpoint.address.description)
  }
}
