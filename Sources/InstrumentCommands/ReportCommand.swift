import ArgumentParser

public struct ReportCommand: InstrumentCommand {
  public static var program: String { "svs-cluster" }

  /// What may be left out of a report.
  public enum Part: String, CaseIterable, ExpressibleByArgument, Sendable { case latency, load, throughput, services }

  public static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Measure a cluster's network in every respect, on a cluster that is built for it.",
    discussion: """
      Builds a cluster of network namespaces, with flannel's overlay, services, names and ingress, measures it, and \
      removes it again: latency by each way to an application, load, throughput on five paths under vxlan and host-gw, \
      and what a ClusterIP costs, by our hooks and by nftables rules. Paths and backends take turns in rounds. Each \
      figure has an interval that holds the true one 95 times in 100, each comparison a verdict: it differs, or is \
      within noise. Conclusions are drawn from the figures.

      EXAMPLES
        svs bench report --quick                          less than two minutes
        svs bench report --html report.html               the whole report, as a page with plots
        svs bench report --repeat 20 --seconds 10         more rounds, narrower intervals
        svs bench report --only throughput --json t.json  one part

      EXIT STATUS
        0 if all was measured, 1 if the cluster could not be built or nothing measured, 2 if some measurements failed, \
      64 if the command line is wrong, 130 if it was interrupted. What was measured until then is printed and written, \
      and the cluster is removed in each case; until it is built there is nothing to print. Rounds for which --quick \
      has no time on a slow machine are told, and are no failure.
      """)

  @Flag(help: "All in less than two minutes.")
  public var quick = false

  @Option(
    name: .customLong("repeat"), parsing: .unconditional, help: ArgumentHelp("Rounds (7).", valueName: "rounds"))
  public var rounds: Int?

  @Option(parsing: .unconditional, help: ArgumentHelp("Length of a throughput run (5).", valueName: "seconds"))
  public var seconds: Int?

  @Option(help: "A part to measure, instead of all; may be repeated.")
  public var only: [Part] = []

  @Flag(help: "Also make a load under a Locust master, whose web page is asked for through the ingress.")
  public var locust = false

  @Option(
    help: ArgumentHelp("The cluster to build, in place of the built-in one.", valueName: "file"),
    completion: .file(extensions: ["yaml", "yml"]))
  public var cluster: String?

  @Option(help: ArgumentHelp("Write the report as a page with plots to this file.", valueName: "file"))
  public var html: String?

  @Option(help: ArgumentHelp("Write the report as Markdown to this file, - for standard output.", valueName: "file"))
  public var markdown: String?

  @Option(help: ArgumentHelp("Write the result as JSON to this file, - for standard output.", valueName: "file"))
  public var json: String?

  @Flag(help: "Also show every row of every run, in the text and in Markdown.")
  public var rows = false

  @Flag(name: .shortAndLong, help: "Show no progress.")
  public var quiet = false

  public init() {}

  public func validate() throws {
    guard !quick || (rounds == nil && seconds == nil) else {
      throw ValidationError("--quick has its own rounds and seconds; say --repeat and --seconds without it.")
    }
    guard rounds.map({ 1...1000 ~= $0 }) ?? true else { throw ValidationError("--repeat takes 1 to 1000 rounds.") }
    guard seconds.map({ 1...3600 ~= $0 }) ?? true else { throw ValidationError("--seconds takes 1 to 3600.") }
    guard !locust || only.isEmpty || only.contains(.load) else {
      throw ValidationError("--locust belongs to the load: say --only load too, or no --only.")
    }
    let places = [("--html", html), ("--markdown", markdown), ("--json", json)]
    for (option, path) in places where path?.isEmpty == true {
      throw ValidationError("\(option) takes the name of a file, or - for standard output.")
    }
    guard html != "-" else { throw ValidationError("--html takes the name of a file: a page is not for a terminal.") }
    let named = places.compactMap(\.1)
    guard Set(named).count == named.count else {
      throw ValidationError("Two forms of the report cannot go to the same place.")
    }
  }
}
