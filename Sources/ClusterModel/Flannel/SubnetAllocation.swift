import Netlink

/// All subnets of a network are taken.
public struct SubnetsExhausted: Error, Hashable, Sendable, CustomStringConvertible {
  public var network: FlannelConfiguration.Network

  public init(network: FlannelConfiguration.Network) { self.network = network }

  public var description: String {
    let count = network.subnetCount
    let has = count == 1 ? "the one subnet" : "all \(count) subnets"
    return "\(has) of /\(network.subnetLength) that \(network.prefix) has for nodes (\(network.firstSubnet) to "
      + "\(network.lastSubnet)) are taken; release the leases of nodes that are gone, or give the network a shorter "
      + "prefix or longer subnets"
  }
}

extension FlannelConfiguration.Network {
  private var family: IPAddress.Family { prefix.address.family }
  /// Of a subnet, in addresses. Nobody gives all of IPv6, whose number has 129 bits.
  private var size: UInt128 { IPPrefix.size(of: max(1, min(subnetLength, UInt8(prefix.address.bitWidth))), in: family) }

  /// The base address of the first subnet that nodes are given.
  ///
  /// If not said, that is the second one: in the first, the base address would be the network's own.
  public var firstSubnet: IPAddress {
    subnetMin ?? IPAddress(number: prefix.numbers.lowerBound &+ size, family: family)
  }

  /// The base address of the last subnet that nodes are given.
  public var lastSubnet: IPAddress {
    subnetMax ?? IPAddress(number: prefix.numbers.upperBound &- (size &- 1), family: family)
  }

  /// How many nodes there can be.
  public var subnetCount: Int {
    let (first, last) = (firstSubnet.number, lastSubnet.number)
    return first <= last ? Int(clamping: (last - first) / size + 1) : 0
  }

  /// The subnets that nodes are given, in order.
  public var subnets: some RandomAccessCollection<IPPrefix> {
    let (first, size, family, length) = (firstSubnet.number, size, family, subnetLength)
    return (0..<subnetCount).lazy.map { position in
      IPPrefix(IPAddress(number: first &+ UInt128(position) &* size, family: family), length: length)
    }
  }

  /// Whether a node may have this subnet: in range, of the right length, and on a boundary.
  public func gives(_ subnet: IPPrefix) -> Bool {
    subnet.address.family == family && subnet.length == subnetLength && subnet.network == subnet
      && firstSubnet.number <= subnet.address.number && subnet.address.number <= lastSubnet.number
      && (subnet.address.number - firstSubnet.number) % size == 0
  }

  /// The first subnet that overlaps none of those that are taken, whatever their lengths.
  public func firstFree(taken: some Sequence<IPPrefix>) throws(SubnetsExhausted) -> IPPrefix {
    let ranges = taken.filter { $0.address.family == family }.map(\.numbers).sorted { $0.lowerBound < $1.lowerBound }
    let (first, last) = (firstSubnet.number, lastSubnet.number)
    var position: UInt128 = 0
    guard first <= last else { throw SubnetsExhausted(network: self) }
    let count = (last - first) / size + 1
    for range in ranges {
      guard position < count else { break }
      let candidate = first + position * size
      if range.upperBound < candidate { continue }
      if range.lowerBound > candidate + (size - 1) { break }
      // Behind it, on the next boundary.
      position = (range.upperBound - first) / size + 1
    }
    guard position < count else { throw SubnetsExhausted(network: self) }
    return IPPrefix(IPAddress(number: first + position * size, family: family), length: subnetLength)
  }
}
