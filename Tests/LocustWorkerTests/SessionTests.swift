import Testing

@testable import LocustWorker

@Suite struct SessionTests {
  static func session() -> WorkerSession {
    var session = WorkerSession(node: "me", version: "2.47.0")
    _ = session.connected(at: 0)
    return session
  }

  static func master(_ type: String, _ data: MessagePack = .none) -> [UInt8] { Message(type, data, from: "me").bytes }

  static func spawn(_ timestamp: Double, _ users: KeyValuePairs<String, MessagePack>, host: String = "http://h")
    -> [UInt8]
  {
    master(
      "spawn",
      .object([
        "timestamp": .double(timestamp), "user_classes_count": .object(users), "host": .string(host),
        "stop_timeout": .double(2), "parsed_options": .map([.init(.int(1), .none)]),
      ]))
  }

  static func types(_ actions: [WorkerSession.Action]) -> [String] {
    actions.compactMap {
      switch $0 {
      case .send(let message): message.type
      case .setUsers: "[users]"
      case .stopUsers: "[stop]"
      case .report: "[report]"
      case .reconnect: "[reconnect]"
      case .quit: "[quit]"
      case .giveUp: "[give up]"
      case .log: nil
      }
    }
  }

  @Test func aTestFromItsBeginningToItsEnd() {
    var session = WorkerSession(node: "me", version: "2.47.0")
    #expect(Self.types(session.connected(at: 0)) == ["client_ready"])
    #expect(Self.types(session.receive(Self.master("ack", .object(["index": .int(3)])), at: 0)) == [])
    #expect(session.index == 3 && session.state == .ready)
    #expect(Self.types(session.tick(at: 1, cpu: 5, memory: 1)) == ["heartbeat"])
    let actions = session.receive(Self.spawn(10, ["A": .int(2), "B": .int(0)]), at: 1)
    #expect(Self.types(actions) == ["spawning", "[users]"])
    #expect(actions.last == .setUsers(["A": 2, "B": 0], host: "http://h", fresh: true))
    #expect(session.state == .spawning)
    let complete = session.usersStand(["A": 2, "B": 0])
    #expect(
      complete == [
        .send(
          Message(
            "spawning_complete",
            .object(["user_classes_count": .object(["A": .int(2), "B": .int(0)]), "user_count": .int(2)]), from: "me"))
      ])
    // The next spawn of a running test is no new test.
    #expect(
      session.receive(Self.spawn(11, ["A": .int(3)]), at: 2).last == .setUsers(["A": 3], host: "http://h", fresh: false)
    )
    _ = session.usersStand(["A": 3])
    #expect(session.receive(Self.master("stop"), at: 3) == [.stopUsers(seconds: 2)])
    #expect(session.state == .stopped)
    #expect(Self.types(session.usersGone()) == ["[report]", "client_stopped", "client_ready"])
    #expect(session.state == .ready && session.users == ["A": 0])
    #expect(Self.types(session.receive(Self.master("quit"), at: 4)) == ["[quit]"])
  }

  @Test func staleSpawnsAreAnsweredAndDropped() {
    var session = Self.session()
    _ = session.receive(Self.spawn(10, ["A": .int(2)]), at: 0)
    for timestamp in [10.0, 9.5] {
      #expect(Self.types(session.receive(Self.spawn(timestamp, ["A": .int(9)]), at: 0)) == ["spawning"])
    }
    #expect(session.users == ["A": 2])
  }

  @Test(arguments: [
    MessagePack.none, .object([:]), .object(["timestamp": .double(1)]),
    .object(["timestamp": .string("x"), "user_classes_count": .object([:])]),
    .object(["timestamp": .double(.nan), "user_classes_count": .object([:])]),
    .object(["timestamp": .double(1), "user_classes_count": .object(["A": .int(-1)])]),
    .object(["timestamp": .double(1), "user_classes_count": .object(["A": .int(1 << 40)])]),
    .object(["timestamp": .double(1), "user_classes_count": .map([.init(.int(1), .int(1))])]),
  ])
  func spawnsThatAreNone(_ data: MessagePack) {
    var session = Self.session()
    #expect(Self.types(session.receive(Self.master("spawn", data), at: 0)) == ["spawning"])
    #expect(session.state == .ready)
  }

  @Test func garbageIsToldAndChangesNothing() {
    var session = Self.session()
    for bytes in [[], [0xC1], [0x93, 1, 2, 3], Array("GET / HTTP/1.1".utf8), Self.master("dance")] {
      let actions = session.receive(bytes, at: 0)
      #expect(Self.types(actions).isEmpty && actions.count == 1)
    }
  }

  @Test func theSameMasterGoesOnAfterABreak() {
    var session = Self.session()
    _ = session.receive(Self.master("ack"), at: 0)
    _ = session.receive(Self.spawn(10, ["A": .int(2)]), at: 0)
    _ = session.usersStand(["A": 2])
    _ = session.disconnected(at: 5)
    #expect(Self.types(session.tick(at: 6, cpu: 0, memory: 0)) == [])
    #expect(Self.types(session.connected(at: 7)) == ["heartbeat"])
    _ = session.receive(Self.master("heartbeat"), at: 7.1)
    #expect(Self.types(session.tick(at: 20, cpu: 0, memory: 0)) == ["heartbeat"])
    #expect(session.state == .running && session.users == ["A": 2])
  }

  @Test func anotherMasterStartsAnew() {
    var session = Self.session()
    _ = session.receive(Self.master("ack"), at: 0)
    _ = session.receive(Self.spawn(10, ["A": .int(2)]), at: 0)
    _ = session.usersStand(["A": 2])
    _ = session.disconnected(at: 5)
    _ = session.connected(at: 7)
    #expect(Self.types(session.tick(at: 8, cpu: 0, memory: 0)) == ["heartbeat"])
    #expect(Self.types(session.tick(at: 11, cpu: 0, memory: 0)) == ["[stop]", "client_ready"])
    _ = session.receive(Self.master("ack"), at: 11)
    // Its clock may be behind the old one's.
    #expect(Self.types(session.receive(Self.spawn(3, ["A": .int(1)]), at: 12)) == ["spawning", "[users]"])
  }

  @Test func anIgnoredNameConnectsAnew() {
    var session = Self.session()
    #expect(Self.types(session.tick(at: 4, cpu: 0, memory: 0)) == [])
    #expect(Self.types(session.tick(at: 6, cpu: 0, memory: 0)) == ["[reconnect]"])
    #expect(Self.types(session.connected(at: 7)) == ["client_ready"])
  }

  @Test func silenceEndsTheWorker() {
    var session = Self.session()
    _ = session.receive(Self.master("ack"), at: 0)
    #expect(Self.types(session.tick(at: 59, cpu: 0, memory: 0)) == ["heartbeat"])
    #expect(Self.types(session.tick(at: 61, cpu: 0, memory: 0)) == ["[give up]"])
  }

  @Test func usersThatCannotBeAreToldToTheMaster() {
    var session = Self.session()
    _ = session.receive(Self.spawn(10, ["A": .int(2)]), at: 0)
    #expect(Self.types(session.usersFailed("no tasks")) == ["exception", "spawning_complete"])
    #expect(session.users == ["A": 0])
  }

  @Test func locustsRounding() {
    for (time, bucket) in [
      (0.3, 0), (0.5, 0), (1.5, 2), (99.4, 99), (99.6, 100), (147, 150), (145, 140), (3432, 3400), (58_760, 59_000),
      (999, 1000), (9_999, 10_000),
    ] as [(Double, Int64)] {
      #expect(StatsReport.bucket(time) == bucket, "\(time)")
    }
  }
}
