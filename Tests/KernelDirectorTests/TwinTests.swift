import Dataplane
import DataplaneTesting
import Glibc
import HostSystem
import Testing

@testable import Bench
@testable import KernelDirector

/// The bench's C twin against the Swift source in memory: a twin that did less would make the comparison worthless.
@Suite(.serialized) struct TwinTests {
  @Test func twinAndSwiftDecideAlike() throws {
    let seed = UInt64(environment("SVS_SEED") ?? "") ?? UInt64.random(in: 0...UInt64.max)
    let packets = DifferentialTests.packets
    print("differential test of the C twin: \(packets) packets, SVS_SEED=\(seed)")
    let objects = try compiledObjects()
    defer { try? Files.remove(objects) }
    try withTestNamespace { world in
      let twin = try Twin(objects: objects)
      let world = TestWorld(
        director: world.director, scenario: world.scenario, program: try twin.program(), ingress: world.ingress,
        egress: world.egress,
        ingressMAC: world.ingressMAC, egressMAC: world.egressMAC)
      let memory = world.memoryTwin()
      var generator = RandomPackets(seed: seed, scenario: .everything)
      var differences = 0
      for number in 0..<packets {
        let frame = generator.next()
        let kernel = try world.run(frame)
        let native = memory.process(frame, ingress: world.ingress)
        if kernel.0 != native.0 || kernel.1 != native.1 {
          differences += 1
          if differences <= 5 {
            Issue.record(
              "packet \(number) of seed \(seed): \(hex(frame))\n twin \(kernel.0) \(hex(kernel.1))\n swift \(native.0) \(hex(native.1))"
            )
          }
        }
      }
      #expect(differences == 0)
      #expect(try world.connectionTexts() == memory.connectionTexts)
      try world.compareCounters(memory)
      let left = try twin.left()
      print("the twin decided \(packets - Int(left)) packets itself and left \(left) to the director")
      #expect(left < packets)
    }
  }

  /// The twin as the Swift toolchain's clang compiles it, in a folder that the caller removes.
  private func compiledObjects() throws -> String {
    let root = #filePath.split(separator: "/").dropLast(3).reduce("") { "\($0)/\($1)" }
    let folder = "/tmp/svs-twin-\(getpid())"
    try Files.makeFolder(folder)
    let command = Command([
      "clang", "-target", "bpfel", "-mcpu=v3", "-O2", "-g", "-ffreestanding", "-idirafter",
      "/usr/include/x86_64-linux-gnu", "-idirafter", "/usr/include", "-I\(root)/Sources/DataplaneTypes/include", "-c",
      "\(root)/Benchmarks/bpf/twin.bpf.c", "-o", "\(folder)/twin.o",
    ])
    let result = try command.run(timeout: .seconds(60))
    try #require(result.ending == .exited(code: 0), "clang: \(String(decoding: result.errors, as: UTF8.self))")
    return folder
  }
}
