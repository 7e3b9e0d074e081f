import ArgumentParser

public struct CompareCommand: InstrumentCommand {
  public static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Compare two results of one instrument: ratios, and whether they are more than noise.",
    discussion: """
      Reads what 'svs bench … --json' wrote. Each ratio is the second result's value divided by the first's, with an \
      interval that holds the true ratio 95 times in 100 (bootstrap). A ratio whose interval holds 1 is called noise. \
      What failed is counted by its kind beside it, HTTP statuses too; it is worse where nothing failed before. \
      The intervals take the values for independent of each other; where one run disturbs itself, they are too narrow.

      EXAMPLES
        svs bench compare before.json after.json
        svs bench compare --check before.json after.json && echo 'not slower'

      EXIT STATUS
        0 if both results could be read, 1 if not, or with --check if something got worse or fails that did not, 64 if \
      the command line is wrong.
      """)

  @Argument(help: "The result to compare with.", completion: .file(extensions: ["json"]))
  public var before: String

  @Argument(help: "The result to compare.", completion: .file(extensions: ["json"]))
  public var after: String

  @Flag(help: "Exit with 1 if something got worse by more than noise, or fails that did not.")
  public var check = false

  @Option(parsing: .unconditional, help: "Seed of the bootstrap's random numbers.", transform: WholeNumber.seed)
  public var seed: UInt64 = 1

  @Option(
    help: ArgumentHelp(
      "Also write the comparison as JSON to this file, - for standard output alone.", valueName: "file"))
  public var json: String?

  public init() {}

  public func validate() throws { try ResultPlaces.check(json: json) }
}
