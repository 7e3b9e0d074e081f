import Glibc
import HTTPWire
import HostSystem

/// Sends requests to one server, one after the other.
public final class Prober {
  public enum HTTPVersion: Hashable, Sendable {
    /// HTTP/2 where a server offers it with TLS, HTTP/1.1 otherwise.
    case negotiated
    case http1
    /// HTTP/2; without TLS by prior knowledge (RFC 9113, section 3.3).
    case http2
  }

  public struct Setting: Sendable {
    public var version = HTTPVersion.negotiated
    /// `AF_UNSPEC`, `AF_INET` or `AF_INET6`.
    public var family = AF_UNSPEC
    public var overrides: [AddressOverride] = []
    public var headers: [(name: String, value: String)] = []
    public var keepAlive = false
    public var verifies = true
    /// A file of certificates to trust (PEM), instead of the system's.
    public var authorities: String?
    public var timeout = Duration.seconds(10)
    public var userAgent = "svs-bench-latency"

    public init() {}
  }

  public let target: ProbeTarget
  private let setting: Setting
  private let context: TLSContext?
  private let request: Request
  private var kept: Connection?
  private let buffer = ReadBuffer()

  /// - Throws: where a header is none, or the certificates cannot be read.
  public init(_ target: ProbeTarget, _ setting: Setting) throws(ProbeError) {
    self.target = target
    self.setting = setting
    request = try Request(target, setting)
    guard target.usesTLS else {
      context = nil
      return
    }
    let protocols: [String] =
      switch setting.version {
      case .negotiated: ["h2", "http/1.1"]
      case .http1: ["http/1.1"]
      case .http2: ["h2"]
      }
    do {
      context = try TLSContext(
        verifies: setting.verifies, protocols: protocols, authorities: setting.authorities)
    } catch {
      throw .tls(error.description)
    }
  }

  /// Sends one request and waits for the whole of its response; what goes wrong is told in the probe.
  ///
  /// - Throws: only `interrupted`.
  public func probe() throws(ProbeError) -> Probe {
    var probe = Probe()
    let beginning = Monotonic.now
    let stopwatch = Stopwatch(beginning: beginning)
    do throws(ProbeError) {
      try run(&probe, stopwatch, Deadline(in: setting.timeout))
    } catch .interrupted {
      throw .interrupted
    } catch {
      kept = nil
      probe.error = error.description
      probe.times.total = stopwatch.elapsed
    }
    return probe
  }

  private func run(_ probe: inout Probe, _ stopwatch: Stopwatch, _ deadline: Deadline) throws(ProbeError) {
    if let connection = kept {
      kept = nil
      do throws(ProbeError) {
        return try exchange(on: connection, &probe, stopwatch, deadline)
      } catch {
        // A server may close an idle connection at any time; only one that has begun to answer has failed.
        let isStale =
          switch error {
          case .closed, .broken, .tls: probe.times.starttransfer == 0
          default: false
          }
        guard isStale else { throw error }
        probe.times = .init()
      }
    }
    let connection = try connect(&probe, stopwatch, deadline)
    try exchange(on: connection, &probe, stopwatch, deadline)
  }

  private func connect(
    _ probe: inout Probe, _ stopwatch: Stopwatch, _ deadline: Deadline
  ) throws(ProbeError) -> Connection {
    let place = "\(target.host.contains(":") ? "[\(target.host)]" : target.host):\(target.port)"
    let addresses = try addresses(until: deadline)
    probe.times.namelookup = stopwatch.elapsed
    let (socket, address) = try Dialling.connect(to: addresses, place: place, until: deadline)
    let connection = Connection(Descriptor(socket), address)
    probe.times.connect = stopwatch.elapsed
    probe.connections += 1
    probe.address = connection.address.host
    var agreed = setting.version == .http2 ? "h2" : ""
    if let context {
      agreed = try connection.startTLS(context, host: target.host, until: deadline)
      probe.times.appconnect = stopwatch.elapsed
      guard setting.version != .http2 || agreed == "h2" else { throw .tls("the server does not offer HTTP/2") }
    }
    if agreed == "h2" {
      guard let session = HTTP2Session() else { throw .malformed("there is no memory for HTTP/2") }
      connection.http2 = session
    }
    return connection
  }

  private func addresses(until deadline: Deadline) throws(ProbeError) -> [SocketAddress] {
    guard let override = setting.overrides.first(where: { $0.applies(to: target) }) else {
      return try NameLookup.addresses(of: target.host, port: target.port, family: setting.family, until: deadline)
    }
    var found: [SocketAddress] = []
    for address in override.addresses {
      found += try NameLookup.addresses(of: address, port: target.port, family: AF_UNSPEC, until: deadline)
    }
    let allowed = found.filter { setting.family == AF_UNSPEC || $0.family == setting.family }
    guard !allowed.isEmpty else {
      throw .lookup(target.host, reason: "--resolve gives it no IPv\(setting.family == AF_INET ? 4 : 6) address")
    }
    return allowed
  }

  private func exchange(
    on connection: Connection, _ probe: inout Probe, _ stopwatch: Stopwatch, _ deadline: Deadline
  ) throws(ProbeError) {
    if probe.connections == 0 { probe.address = connection.address.host }
    let exchange = Exchange(connection, request, keepAlive: setting.keepAlive)
    let mayKeep = try exchange.run(&probe, stopwatch, deadline, buffer)
    if setting.keepAlive && mayKeep { kept = connection }
  }
}

/// Seconds since a moment.
struct Stopwatch {
  /// Of the monotonic clock, in nanoseconds.
  let beginning: UInt64

  /// Whole microseconds, as curl counts.
  var elapsed: Double { Double((Monotonic.now - beginning) / 1000) / 1e6 }
}

extension Prober {
  /// The libraries that speak TLS and HTTP/2, and their versions.
  public static var libraries: [String: String] { ["openssl": TLSContext.version, "nghttp2": HTTP2Session.version] }
}
