import KernelDirector

/// What happens in a simulation, in order.
public struct Scenario: Sendable {
  public struct Line: Sendable {
    /// Counted from 1.
    public var number: Int
    public var event: Event
  }

  public enum Event: Sendable {
    case traffic(Traffic)
    /// Nanoseconds that pass.
    case wait(UInt64)
    case ipvsadm([String])
    /// What follows `svs local-address`.
    case localAddress([String])
    /// A knob's name, and the value that it is set to.
    case sysctl(String, String)
  }

  /// What clients do.
  public enum Verb: String, CaseIterable, Sendable {
    /// A SYN, and nothing more.
    case syn
    /// The whole handshake; of UDP, a datagram from a new port.
    case open
    /// A packet with data, and its acknowledgement where replies come by the director.
    case data
    /// FIN from both sides.
    case close
    /// RST from the client.
    case reset
  }

  public struct Traffic: Sendable {
    public var verb: Verb
    public var transport: TransportProtocol
    /// Clients by their addresses: the nth of `times` is the nth host of it.
    public var clients: ClientRange
    /// Nil takes the next port where a connection is opened, and the latest one elsewhere.
    public var clientPort: UInt16?
    public var vip: Endpoint
    public var mark: UInt32
    public var times: Int
    /// Nanoseconds between two of `times`.
    public var interval: UInt64
  }

  public var name: String
  public var lines: [Line]

  public init(name: String, lines: [Line]) {
    self.name = name
    self.lines = lines
  }

  /// So many connections to a VIP, one after the other, `interval` nanoseconds apart.
  public static func opening(
    _ count: Int, _ transport: TransportProtocol, from clients: ClientRange, to vip: Endpoint, interval: UInt64,
    name: String
  ) -> Scenario {
    let traffic = Traffic(
      verb: .open, transport: transport, clients: clients, clientPort: nil, vip: vip, mark: 0, times: count,
      interval: interval)
    return Scenario(name: name, lines: [Line(number: 1, event: .traffic(traffic))])
  }
}

/// Addresses under a prefix: `10.1.0.0/24`, or a single one.
public struct ClientRange: Hashable, Sendable {
  public let address: IPAddress
  public let prefix: Int

  public init(_ address: IPAddress, prefix: Int? = nil) {
    self.address = address
    self.prefix = min(prefix ?? address.bitWidth, address.bitWidth)
  }

  /// Reads `ADDRESS` or `ADDRESS/BITS`.
  public init?(text: some StringProtocol) {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard let first = parts.first, let address = IPAddress(first) else { return nil }
    if parts.count == 1 {
      self.init(address)
      return
    }
    guard let bits = Int(parts[1]), bits >= 0, bits <= address.bitWidth else { return nil }
    self.init(address, prefix: bits)
  }

  /// The host of this number; the numbers go round. The network's own address is left out.
  public subscript(number: Int) -> IPAddress {
    let free = address.bitWidth - prefix
    if free == 0 { return address }
    let bits = min(free, 32)
    let count = UInt64(1) << UInt64(bits)
    let host = bits == 1 ? UInt64(number) % count : UInt64(number) % max(count - 2, 1) + 1
    var bytes = address.bytes
    for position in 0..<4 where position * 8 < bits {
      let byte = bytes.count - 1 - position
      let own = min(bits - position * 8, 8)
      let mask = UInt8(truncatingIfNeeded: (1 << own) - 1)
      bytes[byte] = bytes[byte] & ~mask | UInt8(truncatingIfNeeded: host >> UInt64(position * 8)) & mask
    }
    return IPAddress(bytes: bytes) ?? address
  }
}

/// What is wrong with a file that a simulation was given, and where.
public struct SimulationError: Error, Hashable, CustomStringConvertible, Sendable {
  public var file: String
  /// Counted from 1; nil where it is no line's fault.
  public var line: Int?
  public var message: String

  public init(file: String, line: Int? = nil, _ message: String) {
    self.file = file
    self.line = line
    self.message = message
  }

  public var description: String {
    file + (line.map { ":\($0)" } ?? "") + ": " + message
  }
}
