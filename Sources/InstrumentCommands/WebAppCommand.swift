import ArgumentParser

public struct WebAppCommand: InstrumentCommand {
  public static let configuration = CommandConfiguration(
    commandName: "webapp",
    abstract: "Serve the sample web application that benches measure.",
    discussion: """
      GET / answers with a line of welcome, POST /login and POST /metrics with what they were sent. Runs until SIGINT \
      or SIGTERM, then takes no more connections and lets requests that are under way end.

      EXAMPLES
        svs webapp
        svs webapp --address 127.0.0.1 --port 8080
        svs webapp --threads 4 --grace 30
      """)

  @Option(name: [.short, .long], parsing: .unconditional, help: "The TCP port; 0 takes a free one.")
  public var port = 8000

  @Option(name: [.short, .long], help: "The address to listen on; all of IPv4 and IPv6, if not given.")
  public var address: String?

  @Option(parsing: .unconditional, help: "Threads that serve.")
  public var threads = 1

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Seconds that requests have to end after a signal.", valueName: "seconds"))
  public var grace: Double = 10

  public init() {}

  public func validate() throws {
    guard (0...65_535).contains(port) else { throw ValidationError("A port is 0 to 65,535.") }
    guard (1...256).contains(threads) else { throw ValidationError("Threads are 1 to 256.") }
    guard (0...3600).contains(grace) else { throw ValidationError("The grace is 0 to 3,600 seconds.") }
  }
}
