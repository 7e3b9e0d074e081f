import Measurement
import Testing

@testable import Throughput

/// What goes over the wire: forms that iperf3 sends, and what nobody should.
@Suite struct WireFormatTests {
  @Test func cookiesAreOfIperf3sAlphabet() throws {
    let cookie = Cookie.random()
    #expect(cookie.bytes.count == 37 && cookie.bytes.last == 0)
    #expect(cookie.description.allSatisfy { "abcdefghijklmnopqrstuvwxyz234567".contains($0) })
    #expect(Cookie(cookie.bytes) == cookie)
    #expect(!cookie.asksForExtensions && Cookie.random(asksForExtensions: true).asksForExtensions)
    #expect(Cookie.random() != cookie)
  }

  @Test func anotherProtocolsOctetsAreNoCookie() {
    #expect(Cookie(Array("GET / HTTP/1.1\r\nHost: localhost\r\nAcce".utf8)) == nil)
    #expect(Cookie([UInt8](repeating: 0, count: 37)) == nil)
    #expect(Cookie(Array("short".utf8)) == nil)
  }

  @Test("A cookie of iperf3 3.1, with its host's name") func oldCookie() {
    #expect(Cookie(Array("k8s-node2.1612345678.123456.2ab34cd5".utf8) + [0]) != nil)
  }

  @Test("What iperf3 3.12 sends for -P 2") func parametersOfIperf3() throws {
    let text =
      #"{"tcp":true,"omit":0,"time":2,"num":0,"blockcount":0,"parallel":2,"len":131072,"pacing_timer":1000,"client_version":"3.12"}"#
    let parameters = try TestParameters(wireForm: JSON(parsing: Array(text.utf8)))
    #expect(parameters.transport == .tcp && parameters.streams == 2 && parameters.duration == 2)
    #expect(parameters.blockSize == 131_072 && parameters.direction == .forward)
    #expect(parameters.clientVersion == "3.12")
  }

  @Test func parametersSurviveTheWire() throws {
    var parameters = TestParameters()
    parameters.transport = .udp
    parameters.direction = .bidirectional
    parameters.duration = 0
    parameters.blocks = 1234
    parameters.omitted = 3
    parameters.streams = 7
    parameters.blockSize = 1400
    parameters.rate = 123_456_789
    parameters.burst = 5
    parameters.window = 1 << 20
    parameters.segmentSize = 1200
    parameters.noDelay = true
    parameters.typeOfService = 0xb8
    parameters.pacingRate = 5_000_000
    parameters.congestion = "reno"
    parameters.zeroCopy = true
    parameters.doNotFragment = true
    parameters.wideCounters = true
    parameters.repeatingPayload = true
    parameters.wantsServerOutput = true
    parameters.title = "a \"title\"\n"
    parameters.extraData = "päckchen"
    let sent = try JSON(parsing: Array(parameters.wireForm().compact.utf8))
    #expect(try TestParameters(wireForm: sent) == parameters)
  }

  @Test(
    "Absurd parameters are refused with iperf3's number for them",
    arguments: [
      (#"{"tcp":true,"parallel":1000}"#, PeerError.streams), (#"{"tcp":true,"parallel":0}"#, .streams),
      (#"{"tcp":true,"parallel":-1}"#, .streams), (#"{"tcp":true,"len":99999999}"#, .blockSize),
      (#"{"tcp":true,"len":0}"#, .blockSize), (#"{"udp":true,"len":65508}"#, .blockSize),
      (#"{"udp":true,"len":15}"#, .blockSize), (#"{"tcp":true,"time":1e300}"#, .duration),
      (#"{"tcp":true,"time":-5}"#, .duration), (#"{"tcp":true,"time":"10"}"#, .duration),
      (#"{"tcp":true,"omit":61}"#, .omit), (#"{"sctp":true}"#, .noSCTP),
      (#"{"tcp":true,"window":18446744073709551615}"#, .bufferSize), (#"{"tcp":true,"MSS":9217}"#, .segmentSize),
      (#"{"tcp":true,"TOS":256}"#, .typeOfService), (#"{"tcp":true,"num":0.5}"#, .parameters),
      (#"{"tcp":true,"reverse":true,"bidirectional":true}"#, .reverseAndBidirectional), ("[]", .parameters),
      ("7", .parameters),
    ])
  func absurd(_ text: String, _ expected: PeerError) throws {
    let json = try JSON(parsing: Array(text.utf8))
    do {
      _ = try TestParameters(wireForm: json)
      Issue.record("\(text) was taken")
    } catch {
      guard case .refused(let number, let why) = error else { throw error }
      #expect(number == expected && !why.isEmpty)
    }
  }

  @Test("iperf3 3.12 writes -1 as 18446744073709551615") func resultsOfAReceiver() throws {
    let text = """
      {"cpu_util_total":28.5,"cpu_util_user":0.9,"cpu_util_system":27.6,"sender_has_retransmits":18446744073709551615,\
      "congestion_used":"bbr","streams":[{"id":1,"bytes":2503999488,"retransmits":18446744073709551615,"jitter":0,\
      "errors":0,"packets":0,"start_time":0,"end_time":1.01}]}
      """
    let results = try EndResults(wireForm: JSON(parsing: Array(text.utf8)))
    #expect(!results.hasRetransmits && results.congestion == "bbr")
    #expect(results.streams.first?.retransmits == -1 && results.streams.first?.bytes == 2_503_999_488)
    #expect(results.streams.first?.end == 1.01)
  }

  @Test func streamsAreNumberedAsIperf3Does() { #expect((0..<5).map(StreamNumber.at) == [1, 3, 4, 5, 6]) }

  @Test(arguments: [true, false]) func datagramHeads(isWide: Bool) {
    let head = DatagramHead(seconds: 0x0102_0304, microseconds: 0x0506_0708, number: 0x090a_0b0c)
    let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 32, alignment: 8)
    defer { room.deallocate() }
    room.initializeMemory(as: UInt8.self, repeating: 0)
    head.write(to: room, isWide: isWide)
    let number: [UInt8] = [9, 10, 11, 12]
    #expect(Array(room.prefix(isWide ? 16 : 12)) == [1, 2, 3, 4, 5, 6, 7, 8] + (isWide ? [0, 0, 0, 0] : []) + number)
    #expect(DatagramHead(UnsafeRawBufferPointer(room), isWide: isWide) == head)
    let short = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(room)[..<11])
    #expect(DatagramHead(short, isWide: isWide) == nil)
  }

  // MARK: Fuzzing

  /// Whatever comes, the parsers answer with a value or an error; a trap would end the whole process.
  @Test(arguments: 1...8 as ClosedRange<UInt64>) func parsersSurviveNoise(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let seeds = [
      TestParameters().wireForm().compact,
      #"{"streams":[{"id":1,"bytes":5,"retransmits":-1}],"a":"\u00e9\ud83d\ude00"}"#,
      #"[1e5,-0.5,true,null,"\\",{"":[]}]"#,
    ].map { Array($0.utf8) }
    var taken = 0
    for _ in 0..<4000 {
      var octets = seeds[Int.random(in: 0..<seeds.count, using: &generator)]
      for _ in 0..<Int.random(in: 0...4, using: &generator) {
        let place = Int.random(in: 0...octets.count, using: &generator)
        switch Int.random(in: 0..<4, using: &generator) {
        case 0 where place < octets.count: octets[place] = UInt8.random(in: 0...255, using: &generator)
        case 1: octets.insert(UInt8.random(in: 0x20...0x7e, using: &generator), at: place)
        case 2: octets.removeSubrange(place...)
        default: octets.insert(contentsOf: octets[..<place].suffix(12), at: place)
        }
      }
      guard let json = try? JSON(parsing: octets) else { continue }
      taken += 1
      _ = try? TestParameters(wireForm: json)
      _ = try? EndResults(wireForm: json)
      // What was understood is written so that it is understood again.
      #expect((try? JSON(parsing: Array(json.compact.utf8))) == json)
      #expect((try? JSON(parsing: Array(json.indented().utf8))) == json)
    }
    #expect(taken > 100)
  }

  @Test func parametersThatPassAreWithinBounds() throws {
    var generator = SeededGenerator(seed: 77)
    let names = ["time", "omit", "num", "blockcount", "parallel", "len", "window", "MSS", "TOS", "bandwidth", "burst"]
    var passed = 0
    for _ in 0..<20_000 {
      var json = JSON.object([
        "tcp": .bool(Bool.random(using: &generator)), "udp": .bool(Bool.random(using: &generator)),
      ])
      for name in names where Bool.random(using: &generator) {
        let edges: [Int64] = [.min, -1, 0, 1, 15, 16, 60, 128, 255, 1460, 9216, 65_507, 1 << 20, 1 << 40, .max]
        json.append(name, .integer(edges[Int.random(in: 0..<edges.count, using: &generator)]))
      }
      guard let parameters = try? TestParameters(wireForm: json) else { continue }
      passed += 1
      #expect(1...128 ~= parameters.streams && 1...(1 << 20) ~= parameters.blockSize)
      #expect(0...86_400 ~= parameters.duration && 0...60 ~= parameters.omitted && parameters.window <= 512 << 20)
      if parameters.transport == .udp { #expect(16...65_507 ~= parameters.blockSize) }
    }
    #expect(passed > 50)
  }

  @Test func deepNestingIsRefused() {
    #expect(throws: JSONError.self) { try JSON(parsing: [UInt8](repeating: UInt8(ascii: "["), count: 100_000)) }
  }
}
