import ArgumentParser

public struct IngressCommand: InstrumentCommand {
  public static var program: String { "svs-ingress" }

  public static let configuration = CommandConfiguration(
    commandName: "ingress",
    abstract: "Route HTTP by host, path and more to services: a layer-7 proxy.",
    discussion: """
      Reads Traefik's IngressRoute objects and its file provider's form, as they stand; what it does not support is \
      refused by name, with file and line. Clients may speak HTTP/1.1 and, by TLS, HTTP/2; servers are spoken to by \
      HTTP/1.1.

      SIGHUP reads the files again: connections stay, and a configuration with mistakes changes nothing. SIGTERM and \
      SIGINT take no more connections and let requests that are under way end.

      EXAMPLES
        svs ingress --config routes.yaml
        svs ingress --config routes.yaml --check
        svs ingress --config routes.yaml --entrypoint web=:8080 \\
            --entrypoint websecure=:8443,tls
        svs ingress --config routes.yaml --status 127.0.0.1:9900 --access-log -
        svs ingress --config routes.yaml --access-log - --access-log-format json
        svs ingress --config routes.yaml --backend shop:80=10.0.0.11:8000,10.0.0.12:8000
      """)

  @Option(
    parsing: .upToNextOption, help: ArgumentHelp("What to read; may be given several times.", valueName: "file"))
  public var config: [String]

  @Option(
    name: .customLong("entrypoint"),
    help: ArgumentHelp(
      """
      Where clients connect: NAME=[HOST]:PORT, and after commas 'tls', 'proxy' (a PROXY protocol header comes first) or \
      'trusted' (what clients say in X-Forwarded-… is true). Without any: web=:80, and websecure=:443,tls where there \
      are certificates.
      """, valueName: "entry point"))
  public var entryPoints: [String] = []

  @Option(
    name: .customLong("backend"),
    help: ArgumentHelp(
      "The servers of a service, in place of those that the files tell: [NAMESPACE/]NAME:PORT=HOST:PORT[,…].",
      valueName: "backend"))
  public var backends: [String] = []

  @Option(help: ArgumentHelp("The domain of services whose servers no file tells.", valueName: "name"))
  public var domain = "cluster.local"

  @Option(
    help: ArgumentHelp(
      "The authorities (PEM) that certificates of https servers may be of; none: those that the system trusts.",
      valueName: "file"))
  public var serverCA: String?

  @Option(parsing: .unconditional, help: "Threads that serve.")
  public var threads = 1

  @Option(help: ArgumentHelp("Where the status page and the metrics are.", valueName: "host:port"))
  public var status: String?

  @Option(help: ArgumentHelp("Write a line for each request; '-' is standard output.", valueName: "file"))
  public var accessLog: String?

  @Option(help: ArgumentHelp("'common' or 'json'.", valueName: "form"))
  public var accessLogFormat = "common"

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Seconds that requests have to end after a signal.", valueName: "seconds"))
  public var grace: Double = 10

  @Flag(help: "Read the files, say what is wrong with them, and exit.")
  public var check = false

  @Flag(help: "Read the files again when they change, as after SIGHUP.")
  public var watch = false

  public init() {}

  public func validate() throws {
    guard !config.isEmpty else { throw ValidationError("--config FILE is missing.") }
    guard (1...256).contains(threads) else { throw ValidationError("Threads are 1 to 256.") }
    guard (0...3600).contains(grace) else { throw ValidationError("The grace is 0 to 3,600 seconds.") }
    guard ["common", "json"].contains(accessLogFormat) else {
      throw ValidationError("The form of the access log is 'common' or 'json'.")
    }
  }
}
