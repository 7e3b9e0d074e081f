import Dataplane
import DataplaneTesting
import Foundation
import Testing

/// The state machine against what the real IPVS was recorded to do.
struct TCPStateMachineTests {
  struct Transition: Decodable {
    let state: String?
    let expires: Int?
    /// Not recorded where they were counted over many entries.
    let active: Int?
    let inact: Int?
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
    "SYNRST": TCPFlags(rawValue: 6), "FINACK": TCPFlags(rawValue: 0x11), "FINONLY": TCPFlags(rawValue: 1),
  ]

  @Test(arguments: [("tcp-state-machine-nat", "nat"), ("tcp-state-machine-dr", "dr")])
  func movesAsRecorded(file: String, key: String) throws {
    let machine = try #require(try machines(in: records.appending(path: "cases/\(file).json"))[key])
    #expect(check(machine, file) >= 30)
  }

  /// The tables of the file that SVS_STATE_RECORDS names, else of those kept here.
  @Test func recordsOfAnyFile() throws {
    let named = ProcessInfo.processInfo.environment["SVS_STATE_RECORDS"]
    let files =
      try named.map { [URL(filePath: $0)] }
      ?? FileManager.default.contentsOfDirectory(at: records.appending(path: "cases"), includingPropertiesForKeys: nil)
      .filter { $0.lastPathComponent.contains("-state-machine") }
    try #require(!files.isEmpty)
    for file in files {
      let tables = try machines(in: file)
      try #require(!tables.isEmpty)
      for (name, machine) in tables { #expect(check(machine, name) > 0, "\(name) has no transition to check") }
    }
  }

  func machines(in file: URL) throws -> [String: Machine] {
    try JSONDecoder().decode([String: Lenient<Machine>].self, from: try Data(contentsOf: file))
      .compactMapValues(\.value)
  }

  /// Compares every transition whose beginning and end are states; how many those were.
  func check(_ machine: Machine, _ file: String) -> Int {
    let isSCTP = machine.transitions.keys.contains { $0.hasSuffix("|COOKIE_ECHO") }
    return isSCTP ? SCTPStateMachineTests.check(machine, file) : checkTCP(machine, file)
  }

  private func checkTCP(_ machine: Machine, _ file: String) -> Int {
    // Where a record has no packet from the server, the director never saw one.
    let inputOnly = !machine.transitions.keys.contains { $0.contains("|out|") }
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
    return checked
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
