/// The settings under net.ipv4.vs that change what the director does, and its own, as numbers.
public struct Knobs: Hashable, Sendable {
  /// What a client's SYN on a port that it used before does: 0 nothing, 1 opens a new connection after TIME_WAIT or
  /// CLOSE, 2 (a bit) after FIN_WAIT too where replies go past the director.
  public var connectionReuse: UInt8 = 1
  /// Whether connections end with the removal of their server; else their packets are dropped until it returns.
  public var expiresWithoutServer: UInt8 = 0
  /// Whether clients leave a persistent server that has weight 0.
  public var expiresQuiescentTemplates: UInt8 = 0
  /// Whether TCP connections open with any packet but RST.
  public var sloppyTCP: UInt8 = 0
  /// Whether SCTP associations open with any chunk but ABORT.
  public var sloppySCTP: UInt8 = 0
  /// Seconds after which lblc forgets a destination that nobody asked for.
  public var lblcExpiration: UInt32 = 86_400
  /// The same of lblcr, whose sets of servers shrink after as long without growing.
  public var lblcrExpiration: UInt32 = 86_400
  /// Whether there is the scheduler twos, which kernels may have or not: Debian 12's has none.
  public var offersTwos: UInt32 = 0
  /// Seconds that a server of weight 0 keeps UDP clients that never pause; 0 means as long as they send.
  public var udpDrainLimit: UInt32 = 300

  public init() {}
}
