/// One kind of request that users make, and how often compared with the others of its user class.
public struct RequestTask: Hashable, Sendable {
  public var method: String
  /// The path with its query; may hold placeholders, see `Placeholder`.
  public var path: String
  /// What results call the task; the path as written unless something else was asked for.
  public var name: String
  /// How often it is chosen, relative to the sum of all weights of its class; at least 1.
  public var weight: Int
  public var headers: [Header]
  /// The body; may hold placeholders. Nil sends none.
  public var body: String?
  /// Statuses that count as success; empty for 100 to 399, as Locust has it.
  public var expected: [Int]

  public struct Header: Hashable, Sendable {
    public var name: String
    public var value: String

    public init(name: String, value: String) {
      self.name = name
      self.value = value
    }
  }

  public init(
    method: String = "GET", path: String, name: String? = nil, weight: Int = 1, headers: [Header] = [],
    body: String? = nil, expected: [Int] = []
  ) {
    self.method = method
    self.path = path
    self.name = name ?? path
    self.weight = weight
    self.headers = headers
    self.body = body
    self.expected = expected
  }
}

/// A kind of user: what it does, and how long it rests in between.
public struct UserClass: Hashable, Sendable {
  public var name: String
  public var tasks: [RequestTask]
  /// Seconds between a response and the next request, chosen evenly from this range.
  public var wait: ClosedRange<Double>
  /// How many users of each hundred are of this class, relative to the other classes' weights.
  public var weight: Int

  public init(name: String, tasks: [RequestTask], wait: ClosedRange<Double> = 0...0, weight: Int = 1) {
    self.name = name
    self.tasks = tasks
    self.wait = wait
    self.weight = weight
  }
}

extension UserClass {
  /// The sample web application's clients: one login for 999 posts of metrics, each user with a device of its own.
  public static let sampleApplication = UserClass(
    name: "MetricsUser",
    tasks: [
      form("/login", "deviceid=${user}", weight: 1),
      form("/metrics", "deviceid=${user}&timestamp=${timestamp}", weight: 999),
    ])

  private static func form(_ path: String, _ body: String, weight: Int) -> RequestTask {
    RequestTask(
      method: "POST", path: path, weight: weight,
      headers: [.init(name: "Content-Type", value: "application/x-www-form-urlencoded")], body: body)
  }
}
