import Netlink

/// A record that cannot be read, with the place.
public struct OverlayRecordFault: Error, Hashable, Sendable, CustomStringConvertible {
  public var file: String
  public var line: Int
  public var fault: String

  public var description: String {
    "\(file):\(line): \(fault); it is not an overlay's record: remove the file"
  }
}

extension OverlayRecord {
  private static let title = "svs overlay 1"

  /// One thing in each line, in the words of ip(8).
  public var text: String {
    var lines = [OverlayRecord.title]
    if let mac { lines.append("mac \(mac)") }
    if let ipv6MAC { lines.append("mac6 \(ipv6MAC)") }
    lines += devices.sorted().map { "device \($0)" }
    lines += entries.map(\.line).sorted()
    return lines.joined(separator: "\n") + "\n"
  }

  /// - Parameter file: its name, for messages.
  public init(text: String, file: String) throws(OverlayRecordFault) {
    self.init()
    var number = 0
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      number += 1
      if number == 1 {
        guard line == OverlayRecord.title else {
          throw OverlayRecordFault(file: file, line: 1, fault: "the first line is not \"\(OverlayRecord.title)\"")
        }
      } else if !line.isEmpty, !take(line.split(separator: " ", omittingEmptySubsequences: false).map(String.init)) {
        throw OverlayRecordFault(file: file, line: number, fault: "\"\(line.prefix(100))\" says nothing")
      }
    }
  }

  private mutating func take(_ words: [String]) -> Bool {
    switch (words.first, words.count) {
    case ("mac", 2):
      mac = MACAddress(words[1])
      return mac != nil
    case ("mac6", 2):
      ipv6MAC = MACAddress(words[1])
      return ipv6MAC != nil
    case ("device", 2):
      guard !words[1].isEmpty else { return false }
      devices.insert(words[1])
    default:
      guard let entry = OverlayEntry(line: words) else { return false }
      entries.insert(entry)
    }
    return true
  }
}

extension OverlayEntry {
  fileprivate var line: String {
    switch self {
    case .address(let prefix, let device): "address \(device) \(prefix)"
    case .neighbour(let address, let mac, let device): "neighbour \(device) \(address) \(mac)"
    case .forwarding(let mac, let remote, let device): "fdb \(device) \(mac) \(remote)"
    case .route(let route):
      "route \(route.device) \(route.destination) \(route.gateway)\(route.isOnLink ? " onlink" : "")"
    }
  }

  fileprivate init?(line words: [String]) {
    guard words.count >= 3, !words[1].isEmpty else { return nil }
    let device = words[1]
    switch (words[0], words.count) {
    case ("address", 3):
      guard let prefix = IPPrefix(words[2]) else { return nil }
      self = .address(prefix, device: device)
    case ("neighbour", 4):
      guard let address = IPAddress(words[2]), let mac = MACAddress(words[3]) else { return nil }
      self = .neighbour(address, mac, device: device)
    case ("fdb", 4):
      guard let mac = MACAddress(words[2]), let remote = IPAddress(words[3]) else { return nil }
      self = .forwarding(mac, to: remote, device: device)
    case ("route", 4), ("route", 5):
      guard let prefix = IPPrefix(words[2]), let gateway = IPAddress(words[3]), words.count == 4 || words[4] == "onlink"
      else { return nil }
      self = .route(OverlayRoute(to: prefix, via: gateway, device: device, isOnLink: words.count == 5))
    default: return nil
    }
  }
}
