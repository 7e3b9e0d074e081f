/// Everything that a load needs to know before it begins.
public struct LoadPlan: Sendable {
  public var target: Target
  public var classes: [UserClass]
  /// The version of HTTP that is spoken.
  public var version: Version = .http1
  /// How long a request may take, in seconds, before it has failed.
  public var timeout: Double = 30
  /// Whether a connection serves more than one request.
  public var keepsAlive = true
  /// Whether the server's certificate must be one that this system trusts.
  public var verifiesCertificate = true
  /// Threads that make requests; each has its share of the users.
  public var threads: Int
  /// Address families to look names up in: nil for both.
  public var family: Family?
  /// Requests in a second that are started whether or not earlier ones were answered; nil lets each user go on
  /// as soon as it has its response.
  public var rate: Double?

  public enum Version: String, Sendable { case http1 = "HTTP/1.1", http2 = "HTTP/2" }
  public enum Family: Sendable { case v4, v6 }

  public init(target: Target, classes: [UserClass], threads: Int) {
    self.target = target
    self.classes = classes
    self.threads = max(1, threads)
  }
}
