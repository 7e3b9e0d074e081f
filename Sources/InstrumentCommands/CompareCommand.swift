import ArgumentParser

public struct CompareCommand: InstrumentCommand {
  public static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Compare two results of one instrument: ratios, and whether they are more than noise.",
    discussion: """
      Reads what 'svs bench … --json' wrote. Each ratio is the second result's value divided by the first's, with an \
      interval that holds the true ratio 95 times in 100 (bootstrap). A ratio whose interval holds 1 is called noise. \
      The intervals take the values for independent of each other; where one run disturbs itself, they are too narrow.

      EXAMPLES
        svs bench compare before.json after.json
        svs bench compare --check before.json after.json && echo 'not slower'
      """)

  @Argument(help: "The result to compare with.", completion: .file(extensions: ["json"]))
  public var before: String

  @Argument(help: "The result to compare.", completion: .file(extensions: ["json"]))
  public var after: String

  @Flag(help: "Exit with 1 if something got worse by more than noise.")
  public var check = false

  @Option(help: "Seed of the bootstrap's random numbers.")
  public var seed: UInt64 = 1

  @Option(
    help: ArgumentHelp("Also write the comparison as JSON to this file, - for standard output.", valueName: "file"))
  public var json: String?

  public init() {}
}
