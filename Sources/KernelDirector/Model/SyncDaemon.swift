/// A daemon that sends connections to other directors, or takes them from one.
public struct SyncDaemon: Hashable, Sendable {
  public enum Role: String, CaseIterable, Sendable { case master, backup }

  public var role: Role
  /// The interface whose multicasts carry the connections.
  public var interface: String
  /// 0 filters nothing.
  public var syncID: UInt8
  /// The longest message in bytes; 0 lets the store choose by the interface's MTU.
  public var maximumLength: UInt16
  /// The multicast group; nil for 224.0.0.81.
  public var group: IPAddress?
  /// The UDP port; 0 for 8848.
  public var port: UInt16
  /// The TTL; 0 for 1.
  public var ttl: UInt8

  public init(
    role: Role, interface: String, syncID: UInt8 = 0, maximumLength: UInt16 = 0, group: IPAddress? = nil,
    port: UInt16 = 0, ttl: UInt8 = 0
  ) {
    self.role = role
    self.interface = interface
    self.syncID = syncID
    self.maximumLength = maximumLength
    self.group = group
    self.port = port
    self.ttl = ttl
  }
}
