import ArgumentParser

/// The instruments' words. What they do is in a program of its own, `svs-instruments`; see `Execution`.
public struct BenchCommand: ParsableCommand {
  public static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measure: latency, throughput, load; and compare results.",
    discussion: """
      Each instrument works alone, against any server; none needs a director, or root, except that 'report' builds a \
      cluster as root. With --json it keeps what it measured as data, with the machine, the kernel and the time.

      EXAMPLES
        svs bench latency http://192.0.2.10:8000/
        svs bench latency -n 100 --json before.json https://example.org/
        svs bench load http://192.0.2.10:8000/ -u 50 -t 30s
        svs bench throughput -s                                 a server as iperf3's, for many clients at once
        svs bench throughput -c 192.0.2.10 -P 4                 its client, with four streams
        svs bench report --quick                                a cluster's network, path by path
        svs bench compare before.json after.json                what changed, and what is noise
      """,
    subcommands: [
      LatencyCommand.self, ThroughputCommand.self, LoadCommand.self, ReportCommand.self, CompareCommand.self,
    ])

  public init() {}
}
