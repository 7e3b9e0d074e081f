import Glibc

/// A setting that IPVS has under net.ipv4.vs, and how this release stands to it.
public struct Knob: Sendable {
  /// What a knob's other values would do here.
  public enum Standing: Sendable {
    /// IPVS's default is how the director behaves; the other values are not implemented yet.
    case fixed
    /// Nothing here corresponds to it: the reason, as half a sentence.
    case meaningless(String)
  }

  public let name: String
  /// As a reader of the kernel's file sees it.
  public let value: String
  public let standing: Standing

  private init(_ name: String, _ value: String, _ standing: Standing = .fixed) {
    self.name = name
    self.value = value
    self.standing = standing
  }

  /// Where the names live; both `net.ipv4.vs.NAME` and `net/ipv4/vs/NAME` are understood.
  public static let prefix = "net.ipv4.vs."

  /// Every knob of Linux 6.1 with its default, in the order of their names.
  public static let all: [Knob] = [
    Knob("am_droprate", "10"),
    Knob("amemthresh", "1024"),
    Knob("backup_only", "0"),
    Knob("cache_bypass", "0"),
    Knob("conn_reuse_mode", "1"),
    Knob("conntrack", "0", .meaningless("packets that XDP forwards never meet conntrack")),
    Knob("drop_entry", "0"),
    Knob("drop_packet", "0"),
    Knob("expire_nodest_conn", "0"),
    Knob("expire_quiescent_template", "0"),
    Knob("ignore_tunneled", "0"),
    Knob("nat_icmp_send", "0"),
    Knob("pmtu_disc", "1"),
    Knob("run_estimation", "1", .meaningless("rates are measured when they are asked for")),
    Knob("schedule_icmp", "0"),
    Knob("secure_tcp", "0"),
    Knob("sloppy_sctp", "0"),
    Knob("sloppy_tcp", "0"),
    Knob("snat_reroute", "1", .meaningless("replies are always routed by their translated source")),
    Knob("sync_persist_mode", "0"),
    Knob("sync_ports", "1"),
    Knob("sync_qlen_max", String(max(sysconf(Int32(_SC_PHYS_PAGES)) / 32, 1)), .meaningless("there is no such queue")),
    Knob("sync_refresh_period", "0"),
    Knob("sync_retries", "0"),
    Knob("sync_sock_size", "0"),
    Knob("sync_threshold", "3\t50"),
    Knob("sync_version", "1"),
  ]

  /// The knob that a name with its prefix means.
  public static func named(_ text: String) -> Knob? {
    let name = String(text.map { $0 == "/" ? "." : $0 })
    guard name.hasPrefix(prefix) else { return nil }
    return all.first { $0.name == name.dropFirst(prefix.count) }
  }

  /// Why the knob cannot be set to a value; nil where it has this value already, so that nothing is to be done.
  public func refusal(of text: String) -> String? {
    func words(_ text: String) -> [Substring] { text.split { $0 == " " || $0 == "\t" } }
    let wanted = words(text)
    guard !wanted.isEmpty, wanted.allSatisfy({ Int32($0) != nil }), wanted.count <= words(value).count else {
      return "\(Self.prefix)\(name): '\(text)' is not a value of it"
    }
    if wanted == words(value) { return nil }
    return switch standing {
    case .fixed: "\(Self.prefix)\(name): values other than \(value) are not implemented yet"
    case .meaningless(let why): "\(Self.prefix)\(name) has no meaning here: \(why)"
    }
  }
}
