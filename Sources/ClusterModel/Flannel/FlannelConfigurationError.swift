/// One thing of `net-conf.json` that cannot be served.
public struct FlannelConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
  /// As it is written there, `Backend.VNI`; nil: the text as a whole.
  public var key: String?
  /// What stands there, as JSON; nil: nothing.
  public var value: String?
  public var reason: String
  /// What to write instead.
  public var remedy: String

  public init(key: String?, value: String?, reason: String, remedy: String) {
    self.key = key
    self.value = value
    self.reason = reason
    self.remedy = remedy
  }

  public var description: String {
    let place = key.map { "net-conf.json: \($0)" } ?? "net-conf.json"
    return place + (value.map { " is \($0)" } ?? "") + ": \(reason); \(remedy)"
  }
}
