import Dataplane
import DataplaneTesting
import KernelDirector
import Simulation
import Testing

@Suite struct CaptureTests {
  /// A file in the making.
  struct File {
    var bytes: [UInt8] = []
    var isBigEndian = false

    mutating func put(_ values: UInt32...) {
      for value in values {
        withUnsafeBytes(of: isBigEndian ? value.bigEndian : value.littleEndian) { bytes += $0 }
      }
    }

    mutating func put16(_ values: UInt16...) {
      for value in values {
        withUnsafeBytes(of: isBigEndian ? value.bigEndian : value.littleEndian) { bytes += $0 }
      }
    }

    /// A block of pcapng.
    mutating func block(_ type: UInt32, _ body: (inout File) -> Void) {
      var inner = File(isBigEndian: isBigEndian)
      body(&inner)
      while inner.bytes.count % 4 != 0 { inner.bytes.append(0) }
      let size = UInt32(inner.bytes.count + 12)
      put(type, size)
      bytes += inner.bytes
      put(size)
    }
  }

  static let syn = frame("10.1.0.1:40000", "10.9.9.1:80", .syn)
  static let reply = frame("10.9.9.1:80", "10.1.0.1:40000", [.syn, .ack])
  static let ack = frame("10.1.0.1:40000", "10.9.9.1:80", .ack)

  private static func frame(_ source: String, _ destination: String, _ flags: TCPFlags) -> [UInt8] {
    guard let source = Endpoint(text: source), let destination = Endpoint(text: destination) else { return [] }
    return FrameBuilder(.tcp, from: source, to: destination, flags: flags).bytes
  }

  /// Three packets, half a second apart.
  static func classic(bigEndian: Bool, nanoseconds: Bool, linkType: UInt32 = 1, _ wrap: ([UInt8]) -> [UInt8] = { $0 })
    -> [UInt8]
  {
    var file = File(isBigEndian: bigEndian)
    file.put(nanoseconds ? 0xa1b2_3c4d : 0xa1b2_c3d4)
    file.put16(2, 4)
    file.put(0, 0, 65_535, linkType)
    for (number, frame) in [syn, reply, ack].enumerated() {
      let data = wrap(frame)
      file.put(1000 + UInt32(number) / 2, UInt32(number % 2) * (nanoseconds ? 500_000_000 : 500_000))
      file.put(UInt32(data.count), UInt32(data.count))
      file.bytes += data
    }
    return file.bytes
  }

  static func nextGeneration(bigEndian: Bool) -> [UInt8] {
    var file = File(isBigEndian: bigEndian)
    file.block(0x0a0d_0d0a) {
      $0.put(0x1a2b_3c4d)
      $0.put16(1, 0)
      $0.put(.max, .max)
    }
    file.block(1) {
      $0.put16(1, 0)
      $0.put(0)
      // Nanoseconds.
      $0.put16(9, 1)
      $0.bytes += [9, 0, 0, 0]
      $0.put16(0, 0)
    }
    // A block of statistics, to be passed over.
    file.block(5) { $0.put(0, 0, 0) }
    for (number, frame) in [syn, reply, ack].enumerated() {
      let time = 1_000_000_000_000 + UInt64(number) * 500_000_000
      file.block(6) {
        $0.put(0, UInt32(time >> 32), UInt32(truncatingIfNeeded: time), UInt32(frame.count), UInt32(frame.count))
        $0.bytes += frame
      }
    }
    return file.bytes
  }

  private final class Log { var decisions: [Decision] = [] }

  private func play(_ capture: [UInt8]) throws -> [Decision] {
    let log = Log()
    var player = Player(Simulator(try SimulatedDirector())) {
      if case .decision(let decision) = $0 { log.decisions.append(decision) }
    }
    player.tellsAll = true
    try player.enter(rules: "-A -t 10.9.9.1:80 -s rr\n-a -t 10.9.9.1:80 -r 10.0.0.11:8080 -m", name: "rules")
    try player.play(capture: capture, name: "capture")
    return log.decisions
  }

  private func expectHandshake(_ decisions: [Decision]) {
    #expect(decisions.map(\.time) == [0, 500_000_000, 1_000_000_000])
    #expect(decisions.map(\.state) == [.synReceived, .synReceived, .established])
    #expect(decisions.map(\.isFromServer) == [false, true, false])
    #expect(decisions[1].source.text == "10.0.0.11:8080")
  }

  @Test(arguments: [false, true], [false, true])
  func classicFiles(bigEndian: Bool, nanoseconds: Bool) throws {
    expectHandshake(try play(Self.classic(bigEndian: bigEndian, nanoseconds: nanoseconds)))
  }

  @Test(arguments: [false, true])
  func nextGenerationFiles(bigEndian: Bool) throws {
    expectHandshake(try play(Self.nextGeneration(bigEndian: bigEndian)))
  }

  @Test func otherLinkTypes() throws {
    func at(_ linkType: UInt32, _ header: [UInt8]) -> [UInt8] {
      Self.classic(bigEndian: false, nanoseconds: false, linkType: linkType) { header + $0.dropFirst(14) }
    }
    expectHandshake(try play(at(101, [])))
    expectHandshake(try play(at(0, [2, 0, 0, 0])))
    expectHandshake(try play(at(113, [UInt8](repeating: 0, count: 14) + [8, 0])))
    expectHandshake(try play(at(276, [8, 0] + [UInt8](repeating: 0, count: 18))))
    var reader = try CaptureReader(at(147, []))
    #expect(try reader.next() == nil)
    #expect(reader.passedOver == 3)
  }

  /// A snapshot length that keeps the headers is enough.
  @Test func truncatedPackets() throws {
    var long = Self.syn
    long[16] = 2
    var file = File()
    file.put(0xa1b2_c3d4)
    file.put16(2, 4)
    file.put(0, 0, 96, 1, 0, 0, 54, 566)
    file.bytes += long.prefix(54)
    let decisions = try play(file.bytes)
    #expect(decisions.map(\.isOpening) == [true])
  }

  @Test func brokenFilesAreToldAsSuch() {
    #expect(throws: CaptureReader.Malformed.self) { _ = try CaptureReader([1, 2, 3]) }
    #expect(throws: CaptureReader.Malformed.self) { _ = try CaptureReader([UInt8](repeating: 7, count: 64)) }
    let cut = Array(Self.classic(bigEndian: false, nanoseconds: false).dropLast())
    #expect(throws: SimulationError.self) { _ = try play(cut) }
  }

  /// Whatever a file says, reading it ends in packets or an error.
  @Test(arguments: 1...40 as ClosedRange<UInt64>)
  func damagedFilesDoNoHarm(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    for round in 0..<200 {
      var file =
        switch round % 4 {
        case 0: Self.classic(bigEndian: false, nanoseconds: false)
        case 1: Self.classic(bigEndian: true, nanoseconds: true)
        case 2: Self.nextGeneration(bigEndian: false)
        default: Self.nextGeneration(bigEndian: true)
        }
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        // Its kind is left alone more often than not, so that the rest is reached.
        let at = Int.random(in: Bool.random(using: &random) ? 0..<file.count : 4..<file.count, using: &random)
        file[at] =
          [0, 1, 0x7f, 0x80, 0xff, UInt8.random(in: 0...255, using: &random)].randomElement(using: &random) ?? 0
      }
      if Bool.random(using: &random) { file.removeLast(Int.random(in: 0...file.count, using: &random)) }
      do {
        var reader = try CaptureReader(file)
        var count = 0
        while let packet = try reader.next() {
          count += 1
          #expect(packet.frame.count <= 400_000)
        }
        #expect(count <= 3)
      } catch {}
    }
  }

  @Test(arguments: 1...40 as ClosedRange<UInt64>)
  func scenariosByChance(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let words = [
      "open", "syn", "data", "close", "reset", "repeat", "3", "every", "1ms", "wait", "10", "10.1.0.0/24", "10.1.0.1",
      "10.1.0.1:5", "10.9.9.1:80", "[fd00::1]:80", "fd00::/64", "udp", "tcp", "mark", "7", "ipvsadm", "-Ln", "-C",
      "sysctl", "net.ipv4.vs.sloppy_tcp=1", "a=b", "#",
      "0",
      "-1", "99999999999999999999", ":", "/", "[", "é", "1e400", "10.9.9.1:99999", "10.1.0.0/33", "\u{0}",
    ]
    for _ in 0..<300 {
      let text = (0..<Int.random(in: 1...4, using: &random)).map { _ in
        (0..<Int.random(in: 1...7, using: &random)).map { _ in words.randomElement(using: &random) ?? "" }
          .joined(separator: " ")
      }.joined(separator: "\n")
      var player = Player(Simulator(try SimulatedDirector(capacity: 1024))) { _ in }
      do {
        try player.enter(rules: "-A -t 10.9.9.1:80 -s rr\n-a -t 10.9.9.1:80 -r 10.0.0.11:8080 -m", name: "rules")
        try player.play(ScenarioReader.read(text, name: "scenario"))
      } catch {
        #expect(error.file == "scenario" && error.line != nil && !error.message.isEmpty)
      }
    }
  }
}
