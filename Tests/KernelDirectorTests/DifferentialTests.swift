import CLibbpf
import Dataplane
import DataplaneSimulation
import DataplaneTesting
import DataplaneTypes
import Glibc
import Netlink
import Testing

@testable import KernelDirector

/// The packet path in the kernel against the same source in memory, packet for packet.
@Suite(.serialized) struct DifferentialTests {
  static let packets = Int(environment("SVS_DIFFERENTIAL_PACKETS") ?? "") ?? 120_000

  @Test(arguments: ["everything", "more", "marked", "fullnat", "families"])
  func nativeAndKernelDecideAlike(_ name: String) throws {
    let scenarios = [
      "everything": Scenario.everything, "more": .more, "marked": .marked, "fullnat": .fullnat, "families": .families,
    ]
    let scenario = try #require(scenarios[name])
    let seed = UInt64(environment("SVS_SEED") ?? "") ?? UInt64.random(in: 0...UInt64.max)
    print("differential test, \(name): \(Self.packets) packets, SVS_SEED=\(seed)")
    try withTestNamespace(scenario) { world in
      let memory = world.memoryTwin()
      // In memory every address has a route, so that marked packets keep theirs.
      var generator = RandomPackets(seed: seed, scenario: scenario, damaged: name == "marked" ? 0 : 6)
      let pair = try #require(world.director.tables).config.pointee.lookup_ifindex
      var differences = 0
      for number in 0..<Self.packets {
        var frame = generator.next()
        var interface = world.ingress
        if name == "marked", number % 2 == 0 {
          frame = generator.stamp(frame)
          interface = pair
        }
        let kernel = try world.run(frame, at: interface)
        let native = memory.process(frame, ingress: interface)
        if native.0 == .redirect { generator.remember(native.1) }
        // What is dropped half made has room before it that nobody has written to.
        if kernel.0 != native.0 || kernel.0 != .drop && kernel.1 != native.1 {
          differences += 1
          if differences <= 5 {
            let results = "kernel \(kernel.0) \(hex(kernel.1))\n native \(native.0) \(hex(native.1))"
            Issue.record("packet \(number) of seed \(seed): \(hex(frame))\n \(results)")
          }
        }
      }
      #expect(differences == 0)
      #expect(try world.connectionTexts() == memory.connectionTexts)
      try world.compareCounters(memory)
      // The packets were of all the kinds that they are to be of.
      let texts = memory.connectionTexts
      #expect(texts.count > 50, "\(texts.count) connections")
      #expect(memory.events.find(Event.errorForwarded.rawValue)?.pointee.packets ?? 0 > 0)
      if name != "everything" && name != "marked" { #expect(texts.contains { $0.hasPrefix("132 ") }) }
      if name == "fullnat" {
        // Connections of FULLNAT, leases in use, and replies that found their clients.
        #expect(texts.contains { $0.split(separator: " ")[8] == "4" })
        #expect((memory.localRanges.find(0)?.pointee.used ?? 0) > 20)
        #expect(memory.serverCounters.find(0)?.pointee.packets_out ?? 0 > 20)
      }
      let templates = texts.filter { $0.split(separator: " ")[8] == "255" }
      #expect(templates.isEmpty == (name == "everything"))
    }
  }
}

func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

func hex(_ bytes: [UInt8]) -> String {
  bytes.prefix(120).map {
    let h = String($0, radix: 16); return h.count == 1 ? "0" + h : h
  }.joined()
}
