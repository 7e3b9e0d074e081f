import KernelDirector

/// Local addresses of FULLNAT and the pool that they are in, as `svs local-address add` takes and `save` prints them.
public struct LocalAddressRule: Hashable, Sendable {
  /// The service whose pool it is; nil for the default one.
  public var service: ServiceIdentity?
  public var addresses: LocalAddresses

  public init(_ addresses: LocalAddresses, of service: ServiceIdentity?) {
    self.addresses = addresses
    self.service = service
  }

  /// Reads `[SERVICE] ADDRESS[/LEN] [--ports FIRST-LAST]`.
  public init(words: some Sequence<String>) throws(LocalAddressError) {
    var words = Array(words)
    var ports = LocalAddresses.defaultPorts
    if let option = words.firstIndex(of: "--ports") {
      guard option + 1 < words.count else { throw LocalAddressError("--ports takes a range such as 1024-65535") }
      ports = try Self.ports(words[option + 1])
      words.removeSubrange(option...option + 1)
    }
    try self.init(words: words, ports: ports)
  }

  /// Reads `[SERVICE] ADDRESS[/LEN]`.
  public init(words: [String], ports: ClosedRange<UInt16>) throws(LocalAddressError) {
    guard let last = words.last, words.count <= 2 else {
      throw LocalAddressError("give ADDRESS[/LEN], or SERVICE and ADDRESS[/LEN]")
    }
    guard let network = IPPrefix(last) else {
      throw LocalAddressError("'\(last)' is no address, nor a network such as 192.0.2.64/28")
    }
    addresses = LocalAddresses(network, ports: ports)
    guard words.count == 2 else { return }
    guard let service = ServiceIdentity(named: words[0]) else {
      throw LocalAddressError(
        "'\(words[0])' is no service; write it as tcp:192.0.2.1:80, udp:[2001:db8::1]:53, fwmark:1 or fwmark6:1")
    }
    self.service = service
  }

  /// Reads `FIRST-LAST`, or one port.
  public static func ports(_ text: String) throws(LocalAddressError) -> ClosedRange<UInt16> {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    let numbers = parts.compactMap { UInt16($0) }
    guard numbers.count == parts.count, let first = numbers.first, let last = numbers.last, parts.count <= 2,
      first > 0, first <= last
    else { throw LocalAddressError("'\(text)' is no range of ports such as 1024-65535") }
    return first...last
  }

  /// What the initialiser reads, without blanks that mean nothing.
  public var text: String {
    let ports = "\(addresses.ports.lowerBound)-\(addresses.ports.upperBound)"
    return (service.map { "\($0.named) " } ?? "") + "\(addresses.network) --ports \(ports)"
  }
}

/// Why words are no local addresses.
public struct LocalAddressError: Error, Hashable, Sendable, CustomStringConvertible {
  /// A sentence without its full stop.
  public let description: String

  init(_ description: String) { self.description = description }

  /// What the director refused.
  public init(_ error: DirectorError) { description = error.sentence }
}
