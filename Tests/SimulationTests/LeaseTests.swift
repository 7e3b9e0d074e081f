import Dataplane
import DataplaneSimulation
import DataplaneTesting
import DataplaneTypes
import KernelDirector
import Testing
import VirtualServer

/// What becomes of FULLNAT's ports, packet by packet, with a clock that obeys.
@Suite struct LeaseTests {
  private static let vip = "10.9.9.1"
  private static let server = "10.0.0.11"
  private static let minute: UInt64 = 60_000_000_000

  /// A service with one server under FULLNAT, and a pool.
  private struct World {
    let director: SimulatedDirector
    let service: ServiceIdentity

    init(pool: String, ports: ClosedRange<UInt16>) throws {
      director = try SimulatedDirector()
      service = .address(.tcp, Endpoint(try #require(IPAddress(vip)), port: 80))
      try director.rules.addService(service, ServiceSettings(scheduler: "rr"))
      try director.rules.addServer(
        Endpoint(try #require(IPAddress(server)), port: 8080), ServerSettings(method: .fullNAT), to: service)
      try add(pool, ports)
    }

    func add(_ pool: String, _ ports: ClosedRange<UInt16>) throws {
      try director.rules.addLocalAddresses(LocalAddresses(#require(IPPrefix(pool)), ports: ports), to: service)
    }

    func send(_ packet: TestPacket) -> (Verdict, [UInt8]) {
      director.state.process(packet.bytes, ingress: SimulatedDirector.interface)
    }

    /// A packet of a client's; where the server sees it come from, nil if it was not forwarded to the server.
    func client(_ number: Int, _ flags: TCPFlags, payload: [UInt8] = []) -> TestEnd? {
      var packet = TestPacket()
      packet.source = TestAddress("10.1.0.\(number)")
      packet.destination = TestAddress(vip)
      packet.flags = flags
      packet.payload = payload
      let (verdict, frame) = send(packet)
      guard verdict == .redirect, let ends = TestEnds(frame) else { return nil }
      #expect(ends.isSound, "the checksums of client \(number)'s packet")
      #expect(ends.destination == TestEnd(server, 8080))
      #expect(ends.payload == payload)
      return ends.source
    }

    /// A packet from the server to a lease; the client that gets it, nil if the director does not forward it.
    func reply(_ lease: TestEnd, _ flags: TCPFlags, from port: UInt16 = 8080) -> TestEnd? {
      var packet = TestPacket()
      packet.source = TestAddress(server)
      packet.sourcePort = port
      packet.destination = lease.address
      packet.destinationPort = lease.port
      packet.flags = flags
      let (verdict, frame) = send(packet)
      guard verdict == .redirect, let ends = TestEnds(frame) else { return nil }
      #expect(ends.isSound && ends.source == TestEnd(vip, 80))
      return ends.destination
    }

    func open(_ number: Int) -> TestEnd? {
      guard let lease = client(number, .syn) else { return nil }
      #expect(reply(lease, [.syn, .ack]) == TestEnd("10.1.0.\(number)", 40_000))
      #expect(client(number, .ack) == lease)
      return lease
    }

    func wait(_ nanoseconds: UInt64) { director.advance(nanoseconds: nanoseconds) }

    func pools() throws -> [LocalAddressSnapshot] { try director.rules.localAddresses() }
    func events(_ event: Event) -> UInt64 { director.state.events.find(event.rawValue)?.pointee.packets ?? 0 }
  }

  /// A pool of one port serves one connection at a time, and rests as long as its state lasts.
  @Test func aPortIsLeasedAgainOnlyWhenTheStateMachineLetsItGo() throws {
    let world = try World(pool: "10.0.0.60", ports: 5000...5000)
    let lease = try #require(world.open(1))
    #expect(lease == TestEnd("10.0.0.60", 5000))
    #expect(world.client(2, .syn) == nil && world.events(.noLocalPort) == 1)
    #expect(world.client(1, [.fin, .ack]) == lease)
    #expect(world.reply(lease, [.fin, .ack]) != nil)
    #expect(world.client(1, .ack) == lease)
    // TIME_WAIT lasts two minutes, twice as long as the server's own.
    world.wait(119 * Self.minute / 60)
    #expect(world.client(2, .syn) == nil)
    #expect(try world.pools().map(\.used) == [1])
    world.wait(3 * Self.minute / 60)
    #expect(try world.pools().map(\.used) == [0])
    #expect(world.open(2) == lease)
    // A reset is over after ten seconds.
    #expect(world.client(2, .rst) == lease)
    world.wait(8 * Self.minute / 60)
    #expect(world.client(3, .syn) == nil)
    world.wait(4 * Self.minute / 60)
    #expect(world.client(3, .syn) == lease)
  }

  /// With more places than one, that which was given back comes last.
  @Test func aPortThatWasGivenBackRestsLongest() throws {
    let world = try World(pool: "10.0.0.60/31", ports: 5000...5009)
    let first = try #require(world.open(1))
    _ = world.client(1, .rst)
    world.wait(11 * Self.minute / 60)
    #expect(try world.pools().map(\.used) == [0])
    var later: [TestEnd] = []
    for number in 2...21 { later.append(try #require(world.client(number, .syn), "client \(number)")) }
    #expect(Set(later).count == 20)
    #expect(later.last == first)
  }

  /// The addresses go, the connection stays; what is new gets other ones, and the director's own at last.
  @Test func addressesThatLeaveServeWhatTheyHave() throws {
    let world = try World(pool: "10.0.0.60", ports: 5000...5999)
    let lease = try #require(world.open(1))
    try world.add("10.0.0.61", 5000...5999)
    try world.director.rules.deleteLocalAddresses(#require(IPPrefix("10.0.0.60")), of: world.service)
    for number in 2...9 { #expect(world.open(number)?.address == TestAddress("10.0.0.61")) }
    #expect(world.client(1, .ack) == lease && world.reply(lease, .ack) == TestEnd("10.1.0.1", 40_000))
    try world.director.rules.deleteLocalAddresses(#require(IPPrefix("10.0.0.61")), of: world.service)
    #expect(world.open(10)?.address == TestAddress("198.18.0.1"))
    #expect(try world.pools().map(\.isLeaving) == [true, true, false])
    #expect(try world.pools().map(\.used) == [8, 1, 1])
    // It is gone when its last connection is.
    _ = world.client(1, .rst)
    world.wait(11 * Self.minute / 60)
    #expect(try world.pools().map(\.addresses.network.description) == ["10.0.0.61/32", "198.18.0.1/32"])
    #expect(world.events(.noLocalPort) == 0)
  }

  /// Ports change in place: connections keep theirs, and what is new gets one of the new ones.
  @Test(arguments: [5000...5009, 5000...5999, 7000...7999] as [ClosedRange<UInt16>])
  func portsChangeUnderConnections(_ ports: ClosedRange<UInt16>) throws {
    let world = try World(pool: "10.0.0.60", ports: 5000...5499)
    var leases: [Int: TestEnd] = [:]
    for number in 1...20 {
      let lease = try #require(world.open(number))
      leases[number] = lease
    }
    let network = try #require(IPPrefix("10.0.0.60"))
    try world.director.rules.changeLocalAddresses(LocalAddresses(network, ports: ports), of: world.service)
    for (number, lease) in leases {
      #expect(world.client(number, .ack) == lease && world.reply(lease, .ack) == TestEnd("10.1.0.\(number)", 40_000))
    }
    // No port that somebody has is given away, and none beside the new ones.
    let held = leases.values.filter { ports.contains($0.port) }.count
    for number in 21..<21 + min(60, ports.count - held) {
      let lease = try #require(world.open(number), "client \(number)")
      #expect(ports.contains(lease.port) && !leases.values.contains(lease))
      leases[number] = lease
    }
    let pools = try world.pools().sorted { $0.isLeaving && !$1.isLeaving }
    #expect(pools.map(\.isLeaving) == [true, false] && pools[0].used == 20 && pools[1].addresses.ports == ports)
    // The old ones are gone with their connections.
    for number in 1...20 { _ = world.client(number, .rst) }
    world.wait(11 * Self.minute / 60)
    #expect(try world.pools().map(\.addresses.ports) == [ports])
    // The same again is no change.
    try world.director.rules.changeLocalAddresses(LocalAddresses(network, ports: ports), of: world.service)
    #expect(try world.pools().count == 1)
  }

  /// Ports that leave are none of those that are left: the fullest server is judged by the new ones.
  @Test func portsThatLeaveDoNotFillTheNewOnes() throws {
    let world = try World(pool: "10.0.0.60", ports: 5000...5009)
    for number in 1...9 { #expect(world.open(number) != nil) }
    #expect(try world.pools().map(\.fullest) == [9])
    try world.director.rules.changeLocalAddresses(
      LocalAddresses(#require(IPPrefix("10.0.0.60")), ports: 6000...6009), of: world.service)
    func standing() throws -> [UInt32] { try world.pools().filter { !$0.isLeaving }.map(\.fullest) }
    #expect(try standing() == [0])
    for number in 11...19 { #expect(world.open(number) != nil) }
    #expect(try standing() == [9])
  }

  /// A full table can be exchanged for another; what would not fit changes nothing.
  @Test func aFullTableIsRestored() throws {
    let world = try World(pool: "10.0.0.60", ports: 5000...5009)
    func text(_ network: Int, _ count: Int) -> String {
      (0..<count).map { "local-address add 10.7\(network).0.\($0)\n" }.joined()
    }
    func restore(_ text: String) throws { try SavedLocalAddresses(text).restore(to: world.director.rules) }
    func saved() throws -> Set<Substring> { Set(SavedLocalAddresses.text(try world.pools()).split(separator: "\n")) }
    try restore(text(1, 250))
    let before = try saved()
    #expect(before.count == 250)
    #expect(throws: LocalAddressError.self) { try restore(text(1, 250) + text(2, 250)) }
    #expect(try saved() == before)
    try restore(text(2, 250))
    #expect(try saved().count == 250 && saved().isDisjoint(with: before))
  }

  /// Nothing is changed that is not there, or would meet others.
  @Test func portsThatCannotChangeStay() throws {
    let world = try World(pool: "10.0.0.60", ports: 5000...5999)
    try world.add("10.0.0.0/24", 6000...6999)
    let before = try world.pools().map(\.addresses)
    func change(_ text: String, _ ports: ClosedRange<UInt16>, of service: ServiceIdentity?) throws {
      try world.director.rules.changeLocalAddresses(
        LocalAddresses(#require(IPPrefix(text)), ports: ports), of: service)
    }
    #expect(throws: DirectorError.localAddressTaken) { try change("10.0.0.60", 5000...6000, of: world.service) }
    #expect(throws: DirectorError.noSuchLocalAddress) { try change("10.0.0.61", 1...2, of: world.service) }
    #expect(throws: DirectorError.noSuchLocalAddress) { try change("10.0.0.60", 1...2, of: nil) }
    #expect(try world.pools().map(\.addresses) == before)
  }

  /// What is no reply of the connection is not translated, and disturbs nothing.
  @Test func aServerThatAnswersFromAnotherPortIsNotHeard() throws {
    let world = try World(pool: "10.0.0.60", ports: 5000...5999)
    let lease = try #require(world.client(1, .syn))
    #expect(world.reply(lease, [.syn, .ack], from: 8081) == nil)
    #expect(world.reply(lease, .rst, from: 80) == nil)
    #expect(world.reply(TestEnd("10.0.0.60", lease.port == 5000 ? 5001 : 5000), [.syn, .ack]) == nil)
    #expect(world.reply(lease, [.syn, .ack]) == TestEnd("10.1.0.1", 40_000))
    #expect(world.client(1, .ack) == lease)
  }

  @Test func bothEndsMayCloseAtOnce() throws {
    let world = try World(pool: "10.0.0.60", ports: 5000...5000)
    let lease = try #require(world.open(1))
    #expect(world.client(1, [.fin, .ack]) == lease)
    // They have not seen each other's FIN yet.
    #expect(world.reply(lease, [.fin, .ack]) == TestEnd("10.1.0.1", 40_000))
    #expect(world.reply(lease, .ack) == TestEnd("10.1.0.1", 40_000))
    #expect(world.client(1, .ack) == lease)
    world.wait(2 * Self.minute + Self.minute / 20)
    #expect(try world.pools().map(\.used) == [0])
    #expect(world.open(2) == lease)
  }

  /// TCP Fast Open: data in the SYN, and in what repeats it.
  @Test func dataInTheSYNGoesAlong() throws {
    let world = try World(pool: "10.0.0.60", ports: 5000...5999)
    let data = Array("GET / HTTP/1.0\r\n\r\n".utf8)
    let lease = try #require(world.client(1, .syn, payload: data))
    #expect(world.client(1, .syn, payload: data) == lease)
    #expect(world.reply(lease, [.syn, .ack]) == TestEnd("10.1.0.1", 40_000))
    #expect(world.client(1, .ack, payload: [1, 2, 3]) == lease)
  }

  /// The place that a search has found is taken by another CPU at that very moment.
  @Test func whoComesSecondTakesTheNextPlace() throws {
    let world = try World(pool: "10.0.0.60", ports: 5000...5001)
    var other: TestEnd?
    var isFirst = true
    world.director.state.flows.inserting = { _ in
      if !isFirst { return }
      isFirst = false
      other = world.client(2, .syn)
    }
    let own = world.client(1, .syn)
    world.director.state.flows.inserting = nil
    #expect(own != nil && other != nil && own != other)
    #expect(try world.pools().map(\.used) == [2])
  }
}
