import HostSystem
import Netlink

/// What a host is to do as a real server for one VIP.
public struct RealServerPlan: Hashable, Sendable {
  /// How the host keeps quiet about the VIP, which the director alone answers for (IPv4 only).
  public enum Silence: String, CaseIterable, Hashable, Sendable {
    /// arp_ignore=1 and arp_announce=2, for all interfaces (Documentation/networking/ip-sysctl.rst).
    case sysctl
    /// Rules of arptables(8): requests are dropped, announcements carry the interface's own address.
    case arptables
  }

  public var vip: IPAddress
  /// Whether requests come in a tunnel.
  public var isTunnelled: Bool
  public var silence: Silence

  public init(_ vip: IPAddress, isTunnelled: Bool = false, silence: Silence = .sysctl) {
    self.vip = vip
    self.isTunnelled = isTunnelled
    self.silence = silence
  }
}

/// Why a host could not be made, or unmade, a real server.
public enum RealServerError: Error, Sendable {
  case network(NetlinkError)
  case system(SystemError)
  /// An address that no host can serve.
  case unusable(IPAddress)
  /// An XDP program of somebody else's is where the decapsulator would have to be.
  case occupied(interface: String)
  /// The decapsulator did not load or attach: errno, and what was being done.
  case decapsulator(Int32, String)
  /// No interface has an address that a tunnel could end at.
  case noTunnelEnd
  /// arptables failed, in its own words.
  case arptables(String)
  /// The record of an earlier `up` cannot be read.
  case record(String)
}
