import ArgumentParser
import Bench
import Foundation

/// The program of `make bench`.
@main
struct PacketBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "packet-bench",
    abstract: "Measure the director against a C twin of its hot path and against nftables.",
    discussion: """
      Every figure is a minimum and a median over repetitions in which the compared subjects take turns, every ratio the \
      median of those of the repetitions; only ratios \
      of one run mean anything. Builds network namespaces of its own, and takes them down. Needs root.

      PARTS
        packet        nanoseconds per packet, Swift against C (BPF_PROG_TEST_RUN)
        rate          packets per second over veth, against nftables DNAT
        connections   1,000,000 connections at once
        services      10,000 services with 10 servers each
        scheduling    what choosing among 1,000 servers costs, by scheduler
        fullnat       FULLNAT against NAT and against nftables' DNAT with masquerade, and how many connections it holds
        throughput    'svs bench throughput' against iperf3, over the loopback
      """)

  @Argument(help: "Parts to measure; none means all.")
  var parts: [String] = []

  @Option(help: "The folder of the bench's BPF objects.")
  var objects = ".build/bench"

  @Option(help: "The folder of svs and ipvsadm; where this program is, if not given.")
  var programs: String?

  @Option(help: "How often each subject is measured.")
  var repetitions = 7

  @Option(help: "Also write the results as JSON to this file.")
  var json: String?

  @Flag(help: "Exit with 1 if a promised figure was missed.")
  var check = false

  func validate() throws {
    for part in parts where Bench.Part(rawValue: part) == nil {
      throw ValidationError(
        "There is no part \(part). There are: \(Bench.Part.allCases.map(\.rawValue).joined(separator: ", ")).")
    }
    guard (1...1000).contains(repetitions) else { throw ValidationError("Repetitions are 1 to 1000.") }
  }

  func run() throws {
    let here = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().path
    let bench = Bench(BenchSetting(programs: programs ?? here, objects: objects, repetitions: repetitions))
    var report = Report(machine: Bench.machine())
    print("Linux \(report.machine.kernel), \(report.machine.processors) × \(report.machine.processor)\n")
    let chosen = parts.isEmpty ? Bench.Part.allCases : parts.compactMap(Bench.Part.init(rawValue:))
    var failed = false
    for part in chosen {
      do {
        let result = try bench.run(part)
        report.parts.append(result)
        print(result.text)
      } catch {
        // The other parts are worth having nevertheless.
        failed = true
        FileHandle.standardError.write(Data("packet-bench: \(part.rawValue): \(error)\n".utf8))
      }
    }
    if let json {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
      try encoder.encode(report).write(to: URL(fileURLWithPath: json))
    }
    if failed || (check && !report.missed.isEmpty) { throw ExitCode.failure }
  }
}
