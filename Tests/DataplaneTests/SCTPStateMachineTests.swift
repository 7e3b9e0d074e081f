import Dataplane
import Foundation
import Testing

/// SCTP's state machine against what the real IPVS was recorded to do, and its checksum against its definition.
struct SCTPStateMachineTests {
  static let names = [
    "NONE", "INIT1", "INIT", "C-SENT", "C-REPLIED", "C-WAIT", "COOKIE", "C-ECHOED", "ESTABLISHED", "S-SENT",
    "S-RECEIVED", "S-ACK-SENT", "REJECTED", "CLOSED",
  ]

  static let chunks: [String: UInt8] = [
    "DATA": 0, "INIT": 1, "INIT_ACK": 2, "HEARTBEAT": 4, "ABORT": 6, "SHUTDOWN": 7, "SHUTDOWN_ACK": 8, "ERROR": 9,
    "COOKIE_ECHO": 10, "COOKIE_ACK": 11, "SHUTDOWN_COMPLETE": 14,
  ]

  @Test(arguments: ["nat", "dr"])
  func movesAsRecorded(key: String) throws {
    let file = records.appending(path: "cases/sctp-state-machine.json")
    let machine = try #require(try TCPStateMachineTests().machines(in: file)[key])
    #expect(Self.check(machine, key) >= 60)
  }

  static func check(_ machine: TCPStateMachineTests.Machine, _ file: String) -> Int {
    let inputOnly = !machine.transitions.keys.contains { $0.contains("|out|") }
    var checked = 0
    for (name, transition) in machine.transitions {
      let parts = name.split(separator: "|").map(String.init)
      guard parts.count == 3, let from = names.firstIndex(of: parts[0]), let chunk = chunks[parts[2]],
        let next = transition.state.flatMap({ names.firstIndex(of: $0) })
      else { continue }
      let state = SCTPStateMachine.next(
        UInt8(from), chunk, fromServer: parts[1] == "out", inputOnly: inputOnly)
      #expect(state == UInt8(next), "\(file) \(name): \(names[Int(state)])")
      if let expires = transition.expires {
        let seconds = UInt64(SCTPState.timeout(state)) << 24 / 1_000_000_000
        #expect(abs(Int(seconds) - expires) <= 1, "\(file) \(name): \(seconds) seconds")
      }
      checked += 1
    }
    return checked
  }

  /// The checksum as RFC 9260, appendix A, has it, bit by bit.
  private func crc32c(_ bytes: [UInt8]) -> UInt32 {
    var crc = ~UInt32(0)
    for byte in bytes {
      crc ^= UInt32(byte)
      for _ in 0..<8 { crc = crc >> 1 ^ (crc & 1 != 0 ? 0x82f6_3b78 : 0) }
    }
    return ~crc
  }

  @Test(arguments: [16, 17, 64, 1_437, 1_500, 65_535])
  func aChangedPortChangesTheChecksumByAsMuch(length: Int) {
    var generator = SystemRandomNumberGenerator()
    var packet = (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
    let before = crc32c(packet)
    let difference = UInt32.random(in: 1...UInt32.max, using: &generator)
    for i in 0..<4 { packet[i] ^= UInt8(truncatingIfNeeded: difference >> UInt32(8 * i)) }
    #expect(before ^ CRC32C.change(difference, length: UInt32(length)) == crc32c(packet))
  }
}
