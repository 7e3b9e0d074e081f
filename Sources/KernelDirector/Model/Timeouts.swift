/// How long idle connections are kept, in seconds, as `ipvsadm --set` takes them; 0 leaves a value as it is.
public struct Timeouts: Hashable, Sendable {
  public var tcp: UInt32
  public var tcpFin: UInt32
  public var udp: UInt32

  /// What IPVS starts with.
  public init(tcp: UInt32 = 900, tcpFin: UInt32 = 120, udp: UInt32 = 300) {
    self.tcp = tcp
    self.tcpFin = tcpFin
    self.udp = udp
  }
}
