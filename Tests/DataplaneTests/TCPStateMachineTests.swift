import Dataplane
import DataplaneTesting
import Foundation
import Testing

/// The state machine against what the real IPVS was recorded to do.
struct TCPStateMachineTests {
  struct Transition: Decodable {
    let state: String?
    let expires: Int?
    let active: Int
    let inact: Int
  }

  struct Machine: Decodable {
    let transitions: [String: Transition]
  }

  static let names = [
    "NONE", "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT", "TIME_WAIT", "CLOSE", "CLOSE_WAIT", "LAST_ACK", "LISTEN",
    "SYNACK",
  ]

  static let flags: [String: TCPFlags] = [
    "SYN": .syn, "SYNACK": TCPFlags(rawValue: 0x12), "ACK": .ack, "FIN": TCPFlags(rawValue: 0x11), "RST": .rst,
    "RSTACK": TCPFlags(rawValue: 0x14), "NULL": TCPFlags(rawValue: 0), "SYNFIN": TCPFlags(rawValue: 3),
    "SYNRST": TCPFlags(rawValue: 6), "FINACK": TCPFlags(rawValue: 0x11),
  ]

  @Test(arguments: [("tcp-state-machine-nat", "nat", false), ("tcp-state-machine-dr", "dr", true)])
  func movesAsRecorded(file: String, key: String, inputOnly: Bool) throws {
    let data = try Data(contentsOf: records.appending(path: "cases/\(file).json"))
    let machines = try JSONDecoder().decode([String: Lenient<Machine>].self, from: data)
    let machine = try #require(machines[key]?.value)
    var checked = 0
    for (name, transition) in machine.transitions {
      let parts = name.split(separator: "|").map(String.init)
      guard parts.count == 3, let from = Self.names.firstIndex(of: parts[0]), let flags = Self.flags[parts[2]],
        let next = transition.state.flatMap({ Self.names.firstIndex(of: $0) }), parts[0] != "NONE"
      else { continue }
      let state = TCPStateMachine.next(
        UInt8(from), flags, fromServer: parts[1] == "out", inputOnly: inputOnly)
      // What ends the entry and opens a new one is the packet path's business, not the machine's.
      #expect(state == UInt8(next), "\(file) \(name): \(Self.names[Int(state)])")
      #expect(State.isActive(state) == (transition.active == 1), "\(file) \(name)")
      if let expires = transition.expires {
        #expect(abs(Int(State.defaultTimeout(state)) - 1 - expires) <= 1, "\(file) \(name)")
      }
      checked += 1
    }
    #expect(checked >= 30)
  }
}

/// Where the records of the real IPVS lie.
let records = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appending(
  path: "Records")

/// A value, or nothing where the file has something else.
struct Lenient<Value: Decodable>: Decodable {
  let value: Value?
  init(from decoder: any Decoder) throws { value = try? Value(from: decoder) }
}
