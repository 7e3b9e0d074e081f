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

  @Test func nativeAndKernelDecideAlike() throws {
    let seed = UInt64(environment("SVS_SEED") ?? "") ?? UInt64.random(in: 0...UInt64.max)
    print("differential test: \(Self.packets) packets, SVS_SEED=\(seed)")
    try withTestNamespace { world in
      let memory = world.memoryTwin()
      var generator = RandomPackets(seed: seed, scenario: .everything)
      var differences = 0
      for number in 0..<Self.packets {
        let frame = generator.next()
        let kernel = try world.run(frame)
        let native = memory.process(frame, ingress: world.ingress)
        if kernel.0 != native.0 || kernel.1 != native.1 {
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
    }
  }
}

func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

func hex(_ bytes: [UInt8]) -> String {
  bytes.prefix(120).map {
    let h = String($0, radix: 16); return h.count == 1 ? "0" + h : h
  }.joined()
}
