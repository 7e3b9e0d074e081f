import ArgumentParser

/// The instruments' words. What they do is in a program of its own, `svs-instruments`; see `Execution`.
public struct BenchCommand: ParsableCommand {
  public static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measure, and compare results.",
    discussion: """
      Each instrument works alone, against any server; none needs a director, or root. With --json it keeps what it \
      measured as data, with the machine, the kernel and the time.

      EXAMPLES
        svs bench load http://10.0.0.5/ -u 50 -t 30s                  HTTP load, and its latencies
        svs bench compare before.json after.json                      what changed, and what is noise
      """,
    subcommands: [LoadCommand.self, CompareCommand.self])

  public init() {}
}
