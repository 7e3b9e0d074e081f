import CLibbpf
import Dataplane
import DataplaneSimulation
import DataplaneTesting
import DataplaneTypes
import Glibc
import Netlink
import Testing

@testable import KernelDirector

/// A director in a namespace of its own, whose packets are fed to it by BPF_PROG_TEST_RUN.
struct TestWorld {
  let director: Director
  let scenario: Scenario
  let program: Int32
  let ingress: UInt32
  let egress: UInt32
  let ingressMAC: svs_mac
  let egressMAC: svs_mac

  /// Runs one frame through the kernel's director.
  ///
  /// - Parameter interface: where it comes in; `ingress` by default.
  func run(_ frame: [UInt8], at interface: UInt32? = nil) throws -> (Verdict, [UInt8]) {
    try Self.run(program, frame, at: interface ?? ingress)
  }

  /// The same for whatever thread has the program.
  static func run(_ program: Int32, _ frame: [UInt8], at interface: UInt32) throws -> (Verdict, [UInt8]) {
    var output = [UInt8](repeating: 0, count: frame.count + 256)
    var context = xdp_md()
    context.data_end = UInt32(frame.count)
    context.ingress_ifindex = interface
    var options = bpf_test_run_opts()
    options.sz = MemoryLayout<bpf_test_run_opts>.size
    options.`repeat` = 1
    let result = frame.withUnsafeBytes { input in
      output.withUnsafeMutableBytes { out in
        withUnsafeMutableBytes(of: &context) { context in
          options.data_in = input.baseAddress
          options.data_size_in = UInt32(input.count)
          options.data_out = out.baseAddress
          options.data_size_out = UInt32(out.count)
          options.ctx_in = UnsafeRawPointer(context.baseAddress)
          options.ctx_size_in = UInt32(context.count)
          return bpf_prog_test_run_opts(program, &options)
        }
      }
    }
    try #require(result == 0, "BPF_PROG_TEST_RUN: \(String(cString: strerror(errno)))")
    let verdict = try #require(Verdict(rawValue: Int32(bitPattern: options.retval)))
    return (verdict, Array(output.prefix(Int(options.data_size_out))))
  }

  /// The same rules and routes in memory.
  func memoryTwin() -> MemoryPlatform.State {
    let state = MemoryPlatform.State()
    scenario.install(in: state)
    if let config = state.configuration.find(0), let tables = director.tables {
      config.pointee.handover_ifindex = tables.config.pointee.handover_ifindex
      config.pointee.lookup_ifindex = tables.config.pointee.lookup_ifindex
      config.pointee.features = tables.config.pointee.features
      if let pair = tables.devices.find(config.pointee.lookup_ifindex, svs_device()) {
        _ = state.devices.replace(config.pointee.lookup_ifindex, pair)
      }
    }
    // twos draws by chance: both draw the same numbers.
    if let tables = director.tables {
      for index in 0..<tables.config.pointee.services_used {
        guard let record = state.serviceRecords.find(index), let kernel = try? tables.services.record(index) else {
          continue
        }
        record.pointee.cursor = kernel.pointee.cursor
      }
    }
    if let tables = director.tables, scenario.leases {
      // Where the search for local ports begins is chance too.
      for index in 0..<Int(SVS_LOCAL_RANGES) {
        state.localRanges.find(UInt32(index))?.pointee = tables.localRanges[index].pointee
      }
      for index in 0..<tables.config.pointee.servers_used {
        if let kernel = try? tables.servers.record(index) {
          state.servers.find(index)?.pointee.local = kernel.pointee.local
        }
      }
    }
    for index in [ingress, egress] {
      _ = state.devices.replace(
        index, svs_device(flags: UInt32(SVS_DEVICE_REDIRECT), lower: index, vlan: 0, reserved: 0))
    }
    func server(_ prefix: String, _ host: Int) -> MemoryRoute {
      let address = TestAddress("\(prefix)\(host)")
      return MemoryRoute(
        family: address.family, prefix: address.value, length: address.bytes.count * 8, ifindex: egress,
        destinationMAC: mac(host), sourceMAC: egressMAC)
    }
    func clients(_ prefix: String, _ length: Int, via gateway: String) -> MemoryRoute {
      let address = TestAddress(prefix)
      return MemoryRoute(
        family: address.family, prefix: address.value, length: length, ifindex: ingress, destinationMAC: mac(0xc0),
        sourceMAC: ingressMAC, gateway: TestAddress(gateway).value)
    }
    state.routes = [
      MemoryRoute(family: 2, prefix: svs_addr(), length: 0, outcome: .notForwarded),
      MemoryRoute(family: 10, prefix: svs_addr(), length: 0, outcome: .notForwarded),
      clients("10.1.0.0", 16, via: "192.168.1.2"), clients("fd00:1::", 64, via: "fd00:c::2"),
      MemoryRoute(
        family: 2, prefix: TestAddress("10.0.0.99").value, length: 32, outcome: .unresolved, ifindex: egress),
      MemoryRoute(family: 2, prefix: TestAddress("10.77.0.0").value, length: 16, outcome: .unreachable),
    ]
    for host in 11...13 { state.routes += [server("10.0.0.", host), server("fd00:a::", host)] }
    return state
  }

  /// 02:00:00:00:00:xx
  private func mac(_ last: Int) -> svs_mac { svs_mac(a: 2, b: 0, c: UInt16(last) << 8) }

  func connectionTexts() throws -> [String] {
    let tables = try #require(director.tables)
    var texts: [String] = []
    try tables.eachConnection(upTo: tables.runtime[0].pointee.fresh) { texts.append(describe($1)) }
    return texts.sorted()
  }

  /// Expects equal counters of services, servers and events.
  func compareCounters(_ memory: MemoryPlatform.State) throws {
    let tables = try #require(director.tables)
    for index in 0..<tables.config.pointee.servers_used {
      let serverNative = memory.serverCounters.find(index)?.pointee
      #expect(text(tables.serverCounters.read(index)) == text(serverNative), "server \(index)")
      let kernel = try tables.servers.record(index).pointee
      let native = try #require(memory.servers.find(index)).pointee
      #expect([kernel.active, kernel.inactive] == [native.active, native.inactive], "server \(index)")
    }
    for index in 0..<Int(SVS_LOCAL_RANGES) where !scenario.pools.isEmpty {
      let kernel = tables.localRanges[index].pointee
      let native = try #require(memory.localRanges.find(UInt32(index))).pointee
      #expect(
        [UInt64(kernel.used), kernel.cursor, kernel.exhausted] == [
          UInt64(native.used), native.cursor, native.exhausted,
        ],
        "range \(index)")
    }
    for event in Event.allCases {
      let kernel = tables.events.perCPUWords(event.rawValue, words: 1)[0]
      #expect(kernel == memory.events.find(event.rawValue)?.pointee.packets, "\(event)")
    }
  }

  private func text(_ c: svs_counters?) -> String {
    guard let c else { return "none" }
    return "\(c.connections) in \(c.packets_in)/\(c.bytes_in) out \(c.packets_out)/\(c.bytes_out)"
  }
}

/// Makes a namespace with two links and permanent neighbours, a director in it with the scenario's rules, and runs
/// `body` inside; takes everything away afterwards.
func withTestNamespace(_ scenario: Scenario = .everything, _ body: (TestWorld) throws -> Void) throws {
  try #require(geteuid() == 0, "this test needs root: it loads a program into the kernel")
  let name = "svstest\(getpid())x\(UInt32.random(in: 0...9999))"
  let namespace = try NetworkNamespace.create(name)
  defer { try? NetworkNamespace.delete(name) }
  try namespace.perform {
    let world = try makeWorld(scenario)
    defer {
      close(world.program)
      try? world.director.detach([])
    }
    try body(world)
  }
}

private func makeWorld(_ scenario: Scenario) throws -> TestWorld {
  let netlink = try NetlinkSocket()
  let control = try DeviceControl()
  for (name, peer) in [("d0", "c0"), ("d1", "r0")] {
    try netlink.createLink(name, .veth(peer: peer, peerNamespace: nil))
    // Before either is up: veth looks at its peer only then.
    for device in [name, peer] { try control.set(.genericReceive, true, on: device) }
    for device in [name, peer] { try netlink.setLink(netlink.interface(named: device).index, up: true) }
  }
  try netlink.setLink(1, up: true)
  let ingress = try netlink.interface(named: "d0")
  let egress = try netlink.interface(named: "d1")
  func address(_ text: String) throws -> IPPrefix { try #require(IPPrefix(text)) }
  for (text, index) in [
    ("192.168.1.1/24", ingress.index), ("10.0.0.1/24", egress.index), ("fd00:c::1/64", ingress.index),
    ("fd00:a::1/64", egress.index),
  ] {
    try netlink.addAddress(address(text), interfaceIndex: index)
  }
  func neighbour(_ text: String, _ last: UInt8, _ index: UInt32) throws {
    let mac = try #require(MACAddress(bytes: [2, 0, 0, 0, 0, last]))
    try netlink.addPermanentNeighbour(#require(IPAddress(text)), mac: mac, interfaceIndex: index)
  }
  try neighbour("192.168.1.2", 0xc0, ingress.index)
  try neighbour("fd00:c::2", 0xc0, ingress.index)
  for host in UInt8(11)...13 {
    try neighbour("10.0.0.\(host)", host, egress.index)
    try neighbour("fd00:a::\(host)", host, egress.index)
  }
  try netlink.addRoute(
    Route(to: address("10.1.0.0/16"), via: IPAddress("192.168.1.2"), interfaceIndex: ingress.index))
  try netlink.addRoute(
    Route(to: address("fd00:1::/64"), via: IPAddress("fd00:c::2"), interfaceIndex: ingress.index))
  try netlink.addRoute(Route(to: address("10.77.0.0/16"), kind: .unreachable))
  for vips in ["10.9.9.0/24", "fd00:9::/64"] where scenario.services.contains(where: { $0.mark != 0 }) {
    // Marked packets are balanced only where they are to go somewhere.
    try netlink.addRoute(Route(to: address(vips), interfaceIndex: 1, table: 255, kind: .local))
  }

  let director = try Director()
  _ = try director.attach(["d0", "d1"])
  var knobs = Knobs()
  knobs.offersTwos = 1
  try director.setKnobs(knobs)
  try enter(scenario, director)
  let tables = try #require(director.tables)
  // No clock here: nothing may expire, and no packet may go by the neighbour table for its sake.
  tables.config.pointee.probe_ticks = 0
  tables.config.pointee.fragment_lifetime = .max
  tables.config.pointee.answer_interval4 = 0
  tables.config.pointee.answer_interval6 = 0
  tables.config.pointee.sweep_period_us = 3_600_000_000 / 1000 * 1000
  for index in 0..<tables.config.pointee.servers_used {
    // The twin has no routes of its own to find a source by.
    try tables.servers.record(index).pointee.tunnel_source = svs_addr()
  }
  let program = bpf_obj_get(director.folder.pin("svs_director"))
  try #require(program >= 0)
  func mac(_ interface: Interface) throws -> svs_mac {
    let m = try #require(interface.mac).bytes
    return svs_mac(
      a: UInt16(m[0]) | UInt16(m[1]) << 8, b: UInt16(m[2]) | UInt16(m[3]) << 8, c: UInt16(m[4]) | UInt16(m[5]) << 8)
  }
  return TestWorld(
    director: director, scenario: scenario, program: program, ingress: ingress.index, egress: egress.index,
    ingressMAC: try mac(ingress),
    egressMAC: try mac(egress))
}

private func enter(_ scenario: Scenario, _ director: Director) throws {
  for pool in scenario.pools { try director.addLocalAddresses(LocalAddresses(#require(IPPrefix(pool))), to: nil) }
  for service in scenario.services {
    let vip = try #require(IPAddress(bytes: service.vip.bytes))
    let transport = try #require(TransportProtocol(rawValue: service.proto))
    let identity =
      service.mark == 0
      ? ServiceIdentity.address(transport, Endpoint(vip, port: service.port)) : .mark(service.mark, vip.family)
    try director.addService(
      identity,
      ServiceSettings(
        scheduler: service.scheduler, persistence: service.persistence, netmask: service.netmask,
        onePacket: service.onePacket, schedulerFlags: service.schedulerFlags, persistenceEngine: service.engine))
    for server in service.servers {
      let method = try #require(ForwardingMethod(rawValue: server.method))
      let address = try #require(IPAddress(bytes: server.address.bytes))
      let port = server.mapsPorts ? server.port : service.port
      try director.addServer(
        Endpoint(address, port: port),
        ServerSettings(
          method: method, weight: UInt32(server.weight), upperThreshold: server.upperThreshold,
          tunnel: #require(TunnelKind(rawValue: server.tunnel.kind)), tunnelPort: server.tunnel.port,
          tunnelFlags: UInt16(server.tunnel.flags)), to: identity)
    }
  }
}
