import IngressModel
import NIOCore

/// How long and how much the proxy waits for and takes.
public struct ProxySettings: Hashable, Sendable {
  public var limits = HeadLimits()
  /// For the rest of a head that has begun, and for the first of a new connection.
  public var headTimeout: Duration = .seconds(10)
  /// Between two requests of a client.
  public var idleTimeout: Duration = .seconds(180)
  /// For a connection to a server.
  public var connectTimeout: Duration = .seconds(5)
  /// For the next byte of an answer, once a server has what there is of the request; and for a client to take it.
  public var answerTimeout: Duration = .seconds(60)
  /// How long unused connections to servers stay open. Shorter than what servers usually allow, so that it is this side
  /// that ends them.
  public var poolTimeout: Duration = .seconds(55)
  /// Unused connections that each thread keeps to a server.
  public var poolSize = 256
  /// Bytes of a client's that wait, before it is not read from any more.
  public var backlog = 65_536
  /// A file (PEM) with the authorities that servers' certificates may be of; none: those that the system trusts.
  public var authorities: String?

  public init() {}
}

/// The times of ``ProxySettings`` as SwiftNIO counts them.
struct ProxyTimes {
  let head, idle, answer, pool, connect: TimeAmount

  init(_ settings: ProxySettings) {
    head = TimeAmount(settings.headTimeout)
    idle = TimeAmount(settings.idleTimeout)
    answer = TimeAmount(settings.answerTimeout)
    pool = TimeAmount(settings.poolTimeout)
    connect = TimeAmount(settings.connectTimeout)
  }
}
