import ArgumentParser
import Glibc
import HostSystem
import Ingress
import IngressModel
import InstrumentCommands
import UnixSignals

/// The proxy as a program: from words to a running thing, and its signals.
struct Proxy {
  private let command: IngressCommand
  private let overrides: [BackendOverride]
  private let configuration: IngressConfiguration
  private let entryPoints: [EntryPoint]
  private let status: (host: String, port: UInt16)?

  init(_ command: IngressCommand) throws {
    self.command = command
    do {
      overrides = try command.backends.map { try BackendOverride(parsing: $0) }
      var points = try command.entryPoints.map { try EntryPoint(parsing: $0) }
      if let words = command.status {
        guard let (host, port) = EntryPoint.address(words) else {
          throw EntryPointError(description: "'\(words)' is no [HOST]:PORT; write it as 127.0.0.1:9900")
        }
        status = (host ?? "::", port)
      } else {
        status = nil
      }
      configuration = try Self.read(command, overrides)
      if points.isEmpty {
        points = [EntryPoint(name: "web", port: 80)]
        if !configuration.certificates.isEmpty { points.append(EntryPoint(name: "websecure", port: 443, isTLS: true)) }
      }
      if let twice = Dictionary(grouping: points, by: \.name).first(where: { $0.value.count > 1 })?.key {
        throw EntryPointError(description: "the entry point '\(twice)' is named twice")
      }
      if points.contains(where: { $0.name == "status" }) {
        throw EntryPointError(description: "'status' is no name for an entry point: --status HOST:PORT has it")
      }
      if configuration.certificates.isEmpty, let point = points.first(where: \.isTLS) {
        throw EntryPointError(
          description: "the entry point '\(point.name)' needs a certificate (tls.certificates, or a Secret)")
      }
      entryPoints = points
    } catch let error as IngressConfigurationError {
      complain(error.description)
      throw ExitCode(1)
    } catch {
      complain("\(error)")
      throw ExitCode.validationFailure
    }
  }

  private static func read(
    _ command: IngressCommand, _ overrides: [BackendOverride]
  ) throws(IngressConfigurationError) -> IngressConfiguration {
    try IngressConfiguration.read(files: command.config, overrides: overrides, domain: command.domain)
  }

  func run() async throws {
    for note in configuration.notes { complain("note: \(note)") }
    noteUnknownEntryPoints(configuration)
    if command.check {
      do { try Ingress.check(configuration, authorities: command.serverCA) } catch {
        complain("\(error)")
        throw ExitCode.failure
      }
      print("\(Self.size(configuration)): all is well")
      return
    }
    // Each client takes one, and each connection to a server; without room the proxy goes on with what there is.
    _ = try? OpenFiles.makeRoom(for: .max)
    // From here on a signal is a wish, not an end: who reads the ports below may send one at once.
    let wishes = await UnixSignalsSequence(trapping: .sighup, .sigterm, .sigint)
    var settings = ProxySettings()
    settings.authorities = command.serverCA
    let ingress: Ingress
    let log: LogFile?
    do {
      let file = try command.accessLog.map { try LogFile($0) }
      log = file
      let format = AccessLog.Format(rawValue: command.accessLogFormat) ?? .common
      ingress = try Ingress(
        configuration, entryPoints: entryPoints, settings: settings, threads: command.threads,
        log: file.map { (format, $0.descriptor) },
        version: Release.version, tell: complain)
      try await ingress.start(status: status)
    } catch {
      complain("\(error)")
      throw ExitCode.failure
    }
    for name in entryPoints.map(\.name) + (status == nil ? [] : ["status"]) {
      print("\(name): port \(ingress.port(of: name) ?? 0)")
    }
    // Whoever waits for these lines may read them from a pipe.
    fflush(nil)
    // One after the other: changes that overtake each other would leave threads with different rules.
    let (events, sink) = AsyncStream<Bool>.makeStream()
    let signals = Task {
      for await wish in wishes { sink.yield(wish == .sighup) }
    }
    let files = WatchedFiles(names: command.config, overrides: overrides, domain: command.domain)
    let watcher = command.watch ? Task { await files.watch { sink.yield(true) } } : nil
    for await isReload in events {
      guard isReload else { break }
      do { try log?.reopen() } catch { complain("\(error)") }
      await reload(ingress)
    }
    watcher?.cancel()
    signals.cancel()
    await ingress.stop(within: .seconds(command.grace))
  }

  private func noteUnknownEntryPoints(_ configuration: IngressConfiguration) {
    let known = Set(entryPoints.map(\.name))
    for router in configuration.routers {
      for name in router.entryPoints where !known.contains(name) {
        complain("note: \(router.source): there is no entry point '\(name)'; --entrypoint \(name)=:PORT makes one")
      }
    }
  }

  private static func size(_ configuration: IngressConfiguration) -> String {
    let (routers, services) = (configuration.routers.count, configuration.services.count)
    return "\(routers) router\(routers == 1 ? "" : "s"), \(services) service\(services == 1 ? "" : "s")"
  }

  private func reload(_ ingress: Ingress) async {
    do {
      let configuration = try Self.read(command, overrides)
      try await ingress.reload(configuration)
      for note in configuration.notes { complain("note: \(note)") }
      noteUnknownEntryPoints(configuration)
      complain("read again: \(Self.size(configuration))")
    } catch {
      complain("nothing is changed: \(error)")
      ingress.reloadFailed("\(error)")
    }
  }
}

func complain(_ text: String) {
  for line in text.split(separator: "\n") {
    let bytes = Array("svs: \(line)\n".utf8)
    _ = write(STDERR_FILENO, bytes, bytes.count)
  }
}
