import CLibbpf
import CSystem
import Dataplane
import DataplaneTesting
import DataplaneTypes
import Glibc
import Netlink
import Synchronization
import Testing

@testable import KernelDirector

/// FULLNAT's ports while two CPUs open connections at the same time, in the kernel's own program.
@Suite(.serialized) struct LeaseTests {
  private static let server = "10.0.0.12"
  private static let local = "10.0.0.60"

  /// What became of a SYN.
  private struct Answer {
    var client: TestAddress
    var port: UInt16
    /// The local port that the server sees; nil for a connection that was refused.
    var lease: UInt16?
  }

  private func addService(_ port: UInt16, _ world: TestWorld) throws -> ServiceIdentity {
    let service = ServiceIdentity.address(.tcp, Endpoint(try #require(IPAddress("10.9.9.40")), port: port))
    try world.director.addService(service, ServiceSettings(scheduler: "rr"))
    try world.director.addServer(
      Endpoint(try #require(IPAddress(Self.server)), port: 80), ServerSettings(method: .fullNAT), to: service)
    return service
  }

  private func pool(_ ports: ClosedRange<UInt16>) throws -> LocalAddresses {
    LocalAddresses(IPPrefix(try #require(IPAddress(Self.local))), ports: ports)
  }

  private static func request(
    _ client: TestAddress, _ port: UInt16, to service: UInt16, flags: TCPFlags = .syn
  ) -> [UInt8] {
    var packet = TestPacket()
    packet.flags = flags
    packet.source = client
    packet.sourcePort = port
    packet.destination = TestAddress("10.9.9.40")
    packet.destinationPort = service
    return packet.bytes
  }

  /// Two CPUs send SYNs by turns that they do not agree on; what became of each of them.
  private func race(
    _ world: TestWorld, count: Int, inStep: Bool, service: @escaping @Sendable (Int) -> UInt16
  ) -> [Answer] {
    let (program, ingress) = (world.program, world.ingress)
    nonisolated(unsafe) let answers = UnsafeMutablePointer<Answer>.allocate(capacity: 2 * count)
    answers.initialize(repeating: Answer(client: TestAddress("0.0.0.0"), port: 0), count: 2 * count)
    defer {
      answers.deinitialize(count: 2 * count)
      answers.deallocate()
    }
    let arrived = Atomic(0)
    onTwoProcessors { cpu in
      let client = TestAddress("10.1.\(cpu + 1).1")
      for number in 0..<count {
        let frame = Self.request(client, UInt16(10_000 + number), to: service(number))
        if inStep || number == 0 {
          // Nobody begins before both are here.
          arrived.add(1, ordering: .acquiringAndReleasing)
          while arrived.load(ordering: .acquiring) < 2 * (number + 1) { sched_yield() }
        }
        var answer = Answer(client: client, port: UInt16(10_000 + number))
        if let (verdict, out) = try? TestWorld.run(program, frame, at: ingress), verdict == .redirect, out[23] == 6 {
          answer.lease = UInt16(out[34]) << 8 | UInt16(out[35])
        }
        answers[2 * number + cpu] = answer
      }
    }
    return Array(UnsafeBufferPointer(start: answers, count: 2 * count))
  }

  /// The reply to each lease goes to the client that has it, and to no other.
  private func expectReplies(_ answers: [Answer], _ service: (Int) -> UInt16, _ world: TestWorld) throws {
    for (number, answer) in answers.enumerated() {
      guard let lease = answer.lease else { continue }
      var reply = TestPacket()
      reply.source = TestAddress(Self.server)
      reply.sourcePort = 80
      reply.destination = TestAddress(Self.local)
      reply.destinationPort = lease
      reply.flags = [.syn, .ack]
      let (verdict, frame) = try world.run(reply.bytes, at: world.egress)
      let vip = service(number / 2)
      let ends = Array(frame[26..<38])
      let expected =
        TestAddress("10.9.9.40").bytes + answer.client.bytes
        + [vip, answer.port].flatMap { [UInt8($0 >> 8), UInt8($0 & 255)] }
      #expect(verdict == .redirect && ends == expected, "the reply to port \(lease)")
    }
  }

  private func refused(_ world: TestWorld) throws -> UInt64 {
    try #require(world.director.tables).events.perCPUWords(Event.noLocalPort.rawValue, words: 1)[0]
  }

  /// From empty to full: every port is leased once, and what comes then is refused and counted.
  @Test func aPoolFillsWithoutCollisions() throws {
    try withTestNamespace { world in
      let service = try addService(80, world)
      try world.director.addLocalAddresses(pool(5000...5999), to: service)
      let answers = race(world, count: 700, inStep: false) { _ in 80 }
      let leases = answers.compactMap(\.lease)
      #expect(leases.count == 1000 && Set(leases) == Set(5000...5999), "\(leases.count) leases")
      #expect(try refused(world) == 400)
      let range = try #require(try world.director.localAddresses().first { $0.service == service })
      #expect(range.used == 1000 && range.fullest == 1000 && range.exhausted >= 1)
      try expectReplies(answers, { _ in 80 }, world)
    }
  }

  /// Both want the only port there is, again and again: one has it, the other is told that there is no server.
  @Test func theOnlyPortIsLeasedOnce() throws {
    try withTestNamespace { world in
      let count = 200
      for number in 0..<count {
        let service = try addService(UInt16(1000 + number), world)
        let port = UInt16(5000 + number)
        try world.director.addLocalAddresses(pool(port...port), to: service)
      }
      let answers = race(world, count: count, inStep: true) { UInt16(1000 + $0) }
      for number in 0..<count {
        let leases = [answers[2 * number].lease, answers[2 * number + 1].lease].compactMap(\.self)
        #expect(leases == [UInt16(5000 + number)], "service \(1000 + number)")
      }
      #expect(try refused(world) == UInt64(count))
      #expect(try world.director.localAddresses().allSatisfy { $0.used == 1 })
      try expectReplies(answers, { UInt16(1000 + $0) }, world)
    }
  }

  /// Whoever opens a connection while a pool's addresses are being replaced has the old ones or the new ones.
  @Test func replacingAddressesRefusesNobody() throws {
    try withTestNamespace { world in
      let service = try addService(80, world)
      // Many servers make each change long.
      let other = try addService(81, world)
      for port in UInt16(1000)..<1500 {
        try world.director.addServer(
          Endpoint(try #require(IPAddress(Self.server)), port: port), ServerSettings(method: .fullNAT), to: other)
      }
      @Sendable func addresses(_ number: Int) throws -> LocalAddresses {
        LocalAddresses(IPPrefix(try #require(IPAddress("10.0.1.\(number)"))))
      }
      try world.director.addLocalAddresses(addresses(0), to: service)
      let (director, program, ingress) = (world.director, world.program, world.ingress)
      nonisolated(unsafe) let rules = director
      let isOver = Atomic(false)
      let opened = Atomic(0)
      let refused = Atomic(0)
      onTwoProcessors { cpu in
        if cpu == 0 {
          defer { isOver.store(true, ordering: .releasing) }
          for number in 1...100 {
            // Somebody has to be opening connections meanwhile.
            let before = opened.load(ordering: .acquiring)
            while opened.load(ordering: .acquiring) == before { sched_yield() }
            guard let new = try? addresses(number), let old = try? addresses(number - 1) else { return }
            try? rules.addLocalAddresses(new, to: service)
            try? rules.deleteLocalAddresses(old.network, of: service)
          }
          return
        }
        var number = 0
        while !isOver.load(ordering: .acquiring) {
          // A client that was reset opens anew, so that the table does not fill.
          let client = TestAddress("10.1.\(number / 200 % 5).\(number % 200 + 1)")
          let frame = Self.request(client, 40_000, to: 80)
          number += 1
          guard let (verdict, out) = try? TestWorld.run(program, frame, at: ingress), verdict == .redirect, out[23] == 6
          else {
            refused.add(1, ordering: .relaxed)
            opened.add(1, ordering: .acquiringAndReleasing)
            continue
          }
          _ = try? TestWorld.run(program, Self.request(client, 40_000, to: 80, flags: .rst), at: ingress)
          opened.add(1, ordering: .acquiringAndReleasing)
        }
      }
      #expect(refused.load(ordering: .relaxed) == 0 && opened.load(ordering: .relaxed) > 100)
      #expect(try self.refused(world) == 0)
      let standing = try world.director.localAddresses().filter { !$0.isLeaving && $0.service == service }
      #expect(standing.map(\.addresses.network.description) == ["10.0.1.100/32"])
    }
  }
}

/// Runs a closure twice at the same time, on two processors where there are two; its argument is 0 or 1.
private func onTwoProcessors(_ body: @Sendable (Int) -> Void) {
  final class Job {
    let number: Int
    let body: @Sendable (Int) -> Void
    init(_ number: Int, _ body: @escaping @Sendable (Int) -> Void) { (self.number, self.body) = (number, body) }
  }
  withoutActuallyEscaping(body) { body in
    // The namespace of a new thread is that of the thread that made it.
    let threads = (0..<2).map { number in
      var thread = pthread_t()
      let job = Unmanaged.passRetained(Job(number, body)).toOpaque()
      let made = pthread_create(
        &thread, nil,
        { argument in
          if let argument {
            let job = Unmanaged<Job>.fromOpaque(argument).takeRetainedValue()
            var one = svs_processors()
            withUnsafeMutableBytes(of: &one) { $0[0] = 1 << UInt8(job.number) }
            // With one processor, or others than these, they take turns.
            svs_set_processors(&one)
            job.body(job.number)
          }
          return nil
        }, job)
      precondition(made == 0)
      return thread
    }
    for thread in threads { pthread_join(thread, nil) }
  }
}
