import Glibc
import KernelDirector

/// A setting that IPVS has under net.ipv4.vs, or that the director has of its own, and how this release stands to it.
public struct Knob: Sendable {
  /// What a knob's values do here.
  public enum Standing: Sendable {
    /// They do what IPVS's do.
    case effective(Setting)
    /// IPVS's default is how the director behaves; the other values are not implemented yet.
    case fixed
    /// Nothing here corresponds to it: the reason, as half a sentence.
    case meaningless(String)
  }

  /// Where an effective knob's value stands, and the greatest it can have.
  public struct Setting: Sendable {
    public let maximum: UInt32
    public let get: @Sendable (Knobs) -> UInt32
    public let set: @Sendable (inout Knobs, UInt32) -> Void

    private init(
      maximum: UInt32, get: @escaping @Sendable (Knobs) -> UInt32,
      set: @escaping @Sendable (inout Knobs, UInt32) -> Void
    ) {
      self.maximum = maximum
      self.get = get
      self.set = set
    }

    static let connectionReuse = Setting(
      maximum: 255, get: { UInt32($0.connectionReuse) }, set: { $0.connectionReuse = UInt8(truncatingIfNeeded: $1) })
    static let expiresWithoutServer = Setting(
      maximum: 255, get: { UInt32($0.expiresWithoutServer) },
      set: { $0.expiresWithoutServer = UInt8(truncatingIfNeeded: $1) })
    static let expiresQuiescentTemplates = Setting(
      maximum: 255, get: { UInt32($0.expiresQuiescentTemplates) },
      set: { $0.expiresQuiescentTemplates = UInt8(truncatingIfNeeded: $1) })
    static let sloppyTCP = Setting(
      maximum: 255, get: { UInt32($0.sloppyTCP) }, set: { $0.sloppyTCP = UInt8(truncatingIfNeeded: $1) })
    static let sloppySCTP = Setting(
      maximum: 255, get: { UInt32($0.sloppySCTP) }, set: { $0.sloppySCTP = UInt8(truncatingIfNeeded: $1) })
    static let lblcExpiration = Setting(
      maximum: 2_592_000, get: { $0.lblcExpiration }, set: { $0.lblcExpiration = $1 })
    static let lblcrExpiration = Setting(
      maximum: 2_592_000, get: { $0.lblcrExpiration }, set: { $0.lblcrExpiration = $1 })
    static let offersTwos = Setting(
      maximum: 255, get: { $0.offersTwos }, set: { $0.offersTwos = $1 })
    static let udpDrainLimit = Setting(
      maximum: 86_400, get: { $0.udpDrainLimit }, set: { $0.udpDrainLimit = $1 })
  }

  /// With its prefix.
  public let name: String
  /// What it starts with; of one that is not effective, what it stays at.
  public let initial: String
  public let standing: Standing

  private init(_ name: String, _ initial: String, _ standing: Standing = .fixed, prefix: String = Knob.prefix) {
    self.name = prefix + name
    self.initial = initial
    self.standing = standing
  }

  /// Where the kernel's names live; both `net.ipv4.vs.NAME` and `net/ipv4/vs/NAME` are understood.
  public static let prefix = "net.ipv4.vs."

  private static let bounded = Standing.meaningless("the connection table's size bounds its memory")
  private static let unsynchronised = Standing.meaningless("connections are not synchronised yet")

  /// Every knob of Linux 6.1, those of its schedulers too, with its default, in the order of their names, and then the director's own.
  public static let all: [Knob] = [
    Knob("am_droprate", "10", bounded),
    Knob("amemthresh", "1024", bounded),
    Knob("backup_only", "0", unsynchronised),
    Knob("cache_bypass", "0"),
    Knob("conn_reuse_mode", "1", .effective(.connectionReuse)),
    Knob("conntrack", "0", .meaningless("packets that XDP forwards never meet conntrack")),
    Knob("drop_entry", "0", bounded),
    Knob("drop_packet", "0", bounded),
    Knob("expire_nodest_conn", "0", .effective(.expiresWithoutServer)),
    Knob("expire_quiescent_template", "0", .effective(.expiresQuiescentTemplates)),
    Knob("ignore_tunneled", "0", .meaningless("packets inside tunnels are never scheduled")),
    Knob("lblc_expiration", "86400", .effective(.lblcExpiration)),
    Knob("lblcr_expiration", "86400", .effective(.lblcrExpiration)),
    Knob("nat_icmp_send", "0"),
    Knob("pmtu_disc", "1"),
    Knob("run_estimation", "1", .meaningless("rates are measured when they are asked for")),
    Knob("schedule_icmp", "0"),
    Knob("secure_tcp", "0", bounded),
    Knob("sloppy_sctp", "0", .effective(.sloppySCTP)),
    Knob("sloppy_tcp", "0", .effective(.sloppyTCP)),
    Knob("snat_reroute", "1", .meaningless("replies are always routed by their translated source")),
    Knob("sync_persist_mode", "0", unsynchronised),
    Knob("sync_ports", "1", unsynchronised),
    Knob("sync_qlen_max", String(max(sysconf(Int32(_SC_PHYS_PAGES)) / 32, 1)), .meaningless("there is no such queue")),
    Knob("sync_refresh_period", "0", unsynchronised),
    Knob("sync_retries", "0", unsynchronised),
    Knob("sync_sock_size", "0", unsynchronised),
    Knob("sync_threshold", "3\t50", unsynchronised),
    Knob("sync_version", "1", unsynchronised),
    Knob("svs.twos", "0", .effective(.offersTwos), prefix: ""),
    Knob("svs.udp_drain_limit", "300", .effective(.udpDrainLimit), prefix: ""),
  ]

  /// The knob that a name with its prefix means.
  public static func named(_ text: String) -> Knob? {
    let name = String(text.map { $0 == "/" ? "." : $0 })
    return all.first { $0.name == name }
  }

  /// What it is set to.
  public func value(in knobs: Knobs) -> String {
    if case .effective(let setting) = standing { return String(setting.get(knobs)) }
    return initial
  }

  /// Sets it among others; returns why it cannot be set to that value, nil where it can.
  public func set(_ text: String, in knobs: inout Knobs) -> String? {
    func words(_ text: String) -> [Substring] { text.split { $0 == " " || $0 == "\t" } }
    let wanted = words(text)
    guard !wanted.isEmpty, wanted.allSatisfy({ Int32($0) != nil }), wanted.count <= words(initial).count else {
      return "\(name): '\(text)' is not a value of it"
    }
    switch standing {
    case .effective(let setting):
      guard let number = UInt32(wanted[0]), number <= setting.maximum else {
        return "\(name): '\(text)' is not between 0 and \(setting.maximum)"
      }
      setting.set(&knobs, number)
      return nil
    case .fixed:
      return wanted == words(initial) ? nil : "\(name): values other than \(initial) are not implemented yet"
    case .meaningless(let why):
      return wanted == words(initial) ? nil : "\(name) has no meaning here: \(why)"
    }
  }
}
