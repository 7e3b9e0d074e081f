import Dispatch
import SocketDataplane
import SocketDataplaneTypes
import Synchronization
import Testing

@Suite struct SocketTranslationTests {
  let tables = MemoryTables()

  private func address(_ last: UInt8, _ port: UInt16, _ transport: UInt8 = 6) -> svs_sock_address {
    svs_sock_address(
      words: (0, 0, UInt32(0xFFFF).bigEndian, (0x0A00_0000 | UInt32(last)).bigEndian), port: port.bigEndian,
      protocol: transport, zero: 0)
  }

  private var service: svs_sock_address { address(1, 80) }
  private var datagrams: svs_sock_address { address(1, 53, 17) }

  /// Service 0 at both addresses, with endpoints 10.0.0.100 and following in slots from `first`.
  private func serve(_ count: Int, first: Int = 0, numbers: Int = 0, affinity: UInt32 = 0, transport: UInt8 = 6) {
    for place in 0..<count {
      let number = numbers + place
      tables.endpoints[number] = svs_sock_endpoint(
        address: address(UInt8(100 + number), 8080, transport), service: 0, serial: UInt32(number + 1), zero: 0,
        connections: 0)
      tables.slots[first + place] = UInt64(number)
    }
    tables.services[0].affinity_seconds = affinity
    publish(first: first, count: count)
    tables.lead(service, to: 0)
    tables.lead(datagrams, to: 0)
  }

  private func publish(first: Int, count: Int) {
    UnsafeMutableRawPointer(tables.services).advanced(by: 8).assumingMemoryBound(to: Atomic<UInt64>.self).pointee
      .store(EndpointList.word(first: UInt32(first), count: UInt32(count)), ordering: .releasing)
  }

  /// The last octet of what a new socket is connected to; nil where it is left alone or refused.
  private func connect(_ network: UInt64 = 1, to target: svs_sock_address? = nil) -> UInt32? {
    var place = target ?? service
    guard SocketTranslation(MemorySocket(tables, in: network)).connect(&place) == .translate else { return nil }
    return UInt32(bigEndian: place.words.3) & 0xFF
  }

  @Test func layoutsAreTheHooks() {
    #expect(MemoryLayout<svs_sock_service>.size == 64 && MemoryLayout<svs_sock_service>.offset(of: \.list) == 8)
    #expect(MemoryLayout<svs_sock_endpoint>.size == 40)
    #expect(MemoryLayout<svs_sock_address>.size == 20)
  }

  @Test(arguments: 1...17) func turnsAreExactlyFair(_ count: Int) {
    serve(count)
    var counts: [UInt32: Int] = [:]
    for _ in 0..<count * 12 { counts[connect() ?? 0, default: 0] += 1 }
    #expect(counts.count == count && counts.values.allSatisfy { $0 == 12 })
    #expect(tables.services[0].connections == UInt64(count * 12))
    #expect((0..<count).allSatisfy { tables.endpoints[$0].connections == 12 })
  }

  @Test func turnsAreFairAmongThreads() {
    serve(5)
    DispatchQueue.concurrentPerform(iterations: 4) { _ in for _ in 0..<2_500 { _ = connect() } }
    #expect((0..<5).map { tables.endpoints[$0].connections } == [2_000, 2_000, 2_000, 2_000, 2_000])
  }

  @Test func whatIsNobodysServiceIsLeftAlone() {
    serve(2)
    let others = [address(2, 80), address(1, 81), address(1, 80, 17), address(1, 53), address(1, 80, 0)]
    for other in others {
      var place = other
      #expect(SocketTranslation(MemorySocket(tables)).connect(&place) == .leave)
      #expect(place.words.3 == other.words.3 && place.port == other.port)
    }
    // Another namespace.
    #expect(connect(3) == nil)
    #expect(tables.services[0].connections == 0 && tables.services[0].refusals == 0)
  }

  @Test func aServiceWithoutEndpointsRefuses() {
    serve(0)
    var place = service
    #expect(SocketTranslation(MemorySocket(tables)).connect(&place) == .refuse)
    place = datagrams
    #expect(SocketTranslation(MemorySocket(tables)).send(&place) == .refuse)
    #expect(tables.services[0].refusals == 2 && tables.services[0].connections == 0)
  }

  @Test func anEntryOfAnotherAddressIsNotBelieved() {
    serve(1)
    // What the kernel does to an element that is removed while it is read: its word is another address's.
    withUnsafePointer(to: address(9, 80)) { other in
      withUnsafePointer(to: service) { tables.entry($0)?.pointee = ServiceEntry.word(0, at: other) }
    }
    #expect(connect() == nil)
  }

  @Test func affinityHoldsUntilItsTimeIsOver() {
    serve(3, affinity: 10)
    let one = connect(1)
    let two = connect(2)
    #expect(one != nil && two != nil && one != two)
    for _ in 0..<20 {
      // Each use begins the time anew.
      tables.clock.add(9_999_999_999, ordering: .relaxed)
      #expect(connect(1) == one)
    }
    #expect(connect(2) != two, "it was not used for much longer than ten seconds")
    tables.clock.add(10_000_000_000, ordering: .relaxed)
    // The turn is the first endpoint's again, and then the second's.
    #expect(connect(2) == one)
    #expect(connect(1) == two)
  }

  @Test func affinityEndsWithTheEndpoint() throws {
    serve(3, affinity: 10)
    let one = try #require(connect(1))
    tables.endpoints[Int(one) - 100].serial = 0
    let rest = (0..<3).filter { $0 != Int(one) - 100 }
    for (place, number) in rest.enumerated() { tables.slots[8 + place] = UInt64(number) }
    publish(first: 8, count: 2)
    let other = try #require(connect(1))
    #expect(other != one)
    // It comes again, as another life of the same record: what was chosen meanwhile holds.
    tables.endpoints[Int(one) - 100].serial = 77
    publish(first: 0, count: 3)
    for _ in 0..<9 { #expect(connect(1) == other) }
    // The record becomes another service's endpoint.
    tables.endpoints[Int(other) - 100].service = 1
    #expect(connect(1) != nil)
  }

  @Test func firstConnectionsOfAClientAgree() {
    serve(7, affinity: 100)
    for round in 0..<50 {
      tables.places.insert(UInt64(100 + round))
      let seen = Mutex<Set<UInt32>>([])
      DispatchQueue.concurrentPerform(iterations: 4) { _ in
        let place = connect(UInt64(100 + round)) ?? 0
        seen.withLock { _ = $0.insert(place) }
      }
      #expect(seen.withLock { $0.count } == 1)
    }
  }

  @Test func aListChangesInOneStep() {
    // Two lists without a common endpoint, by turns in slots that the other one does not use.
    serve(3, first: 0, numbers: 0)
    for place in 0..<40 {
      tables.endpoints[50 + place] = svs_sock_endpoint(
        address: address(UInt8(150 + place), 8080), service: 0, serial: UInt32(51 + place), zero: 0, connections: 0)
      tables.slots[100 + place] = UInt64(50 + place)
    }
    let isDone = Atomic(false)
    let strays = Atomic(0)
    DispatchQueue.concurrentPerform(iterations: 3) { thread in
      if thread == 0 {
        // Until there were enough connections meanwhile; bounded, should there be no processor for those.
        var rounds = 0
        while rounds < 50_000_000, connections < 20_000 {
          publish(first: rounds % 2 == 0 ? 100 : 0, count: rounds % 2 == 0 ? 40 : 3)
          rounds += 1
        }
        isDone.store(true, ordering: .releasing)
        return
      }
      while !isDone.load(ordering: .acquiring) {
        let place = connect() ?? 0
        if !(100..<103).contains(place), !(150..<190).contains(place) { strays.add(1, ordering: .relaxed) }
      }
    }
    #expect(strays.load(ordering: .relaxed) == 0)
    #expect(connections >= 20_000)
  }

  private var connections: UInt64 {
    UnsafeMutableRawPointer(tables.services).advanced(by: 16).assumingMemoryBound(to: Atomic<UInt64>.self).pointee
      .load(ordering: .relaxed)
  }

  @Test func aSenderKeepsItsEndpointAndSeesTheService() {
    serve(3, transport: 17)
    let socket = MemorySocket(tables)
    let translation = SocketTranslation(socket)
    var first = datagrams
    #expect(translation.send(&first) == .translate)
    for _ in 0..<5 {
      var place = datagrams
      #expect(translation.send(&place) == .translate)
      #expect(place.words.3 == first.words.3 && place.port == first.port)
      #expect(translation.receive(&place))
      #expect(place.words.3 == datagrams.words.3 && place.port == datagrams.port)
      // The memory of addresses gave way to others': the next datagram notes it anew.
      tables.forgetSources()
    }
    #expect(tables.services[0].connections == 1)
    var stranger = address(200, 9, 17)
    #expect(!translation.receive(&stranger))
    // Another socket has another endpoint, and no knowledge of the first one's.
    var second = datagrams
    #expect(SocketTranslation(MemorySocket(tables)).send(&second) == .translate)
    #expect(second.words.3 != first.words.3)
    #expect(!SocketTranslation(MemorySocket(tables)).receive(&second))
    // The endpoint goes.
    tables.endpoints[0].serial = 0
    tables.slots[20] = 1
    publish(first: 20, count: 1)
    var place = datagrams
    #expect(translation.send(&place) == .translate && UInt32(bigEndian: place.words.3) & 0xFF == 101)
  }

  @Test func aConnectedSocketShowsTheService() {
    serve(1, transport: 17)
    let socket = MemorySocket(tables)
    let translation = SocketTranslation(socket)
    var place = datagrams
    #expect(translation.connect(&place) == .translate)
    var name = place
    #expect(translation.peerName(&name) && name.words.3 == datagrams.words.3 && name.port == datagrams.port)
    name = place
    #expect(translation.receive(&name) && name.words.3 == datagrams.words.3)
    // Connected anew, to the endpoint itself: that is what was addressed now.
    #expect(translation.connect(&place) == .leave)
    name = place
    #expect(!translation.peerName(&name) && !translation.receive(&name))
  }
}
