import Netlink

/// One change to the host, as it is written to the record before it is made.
///
/// Undoing a step that was never made is harmless, so that a record is right wherever its writer was stopped.
enum Step: Hashable {
  /// A kernel setting, with the value before ours.
  case sysctl(key: String, before: String, ours: String)
  case address(interface: String, IPPrefix)
  /// The words of a rule after -A or -D.
  case arpRule([String])
  case createdDevice(String)
  /// A device that was there, and down.
  case raisedDevice(String)
  /// The decapsulator on an interface.
  case decapsulator(interface: String)
  /// The VIP in the decapsulator's table.
  case decapsulatedAddress(IPAddress)

  var line: String {
    switch self {
    case .sysctl(let key, let before, let ours): "sysctl \(key) \(before) \(ours)"
    case .address(let interface, let prefix): "address \(interface) \(prefix)"
    case .arpRule(let words): "arptables " + words.joined(separator: " ")
    case .createdDevice(let name): "created \(name)"
    case .raisedDevice(let name): "raised \(name)"
    case .decapsulator(let interface): "decapsulator \(interface)"
    case .decapsulatedAddress(let address): "decapsulated \(address)"
    }
  }

  init?(line: Substring) {
    let words = line.split(separator: " ").map(String.init)
    switch (words.first, words.count) {
    case ("sysctl", 4): self = .sysctl(key: words[1], before: words[2], ours: words[3])
    case ("address", 3):
      guard let prefix = IPPrefix(words[2]) else { return nil }
      self = .address(interface: words[1], prefix)
    case ("arptables", 2...): self = .arpRule(Array(words[1...]))
    case ("created", 2): self = .createdDevice(words[1])
    case ("raised", 2): self = .raisedDevice(words[1])
    case ("decapsulator", 2): self = .decapsulator(interface: words[1])
    case ("decapsulated", 2):
      guard let address = IPAddress(words[1]) else { return nil }
      self = .decapsulatedAddress(address)
    default: return nil
    }
  }

  /// Whether both are the same change, whoever made it.
  func isSameChange(as other: Step) -> Bool {
    switch (self, other) {
    case (.sysctl(let key, _, _), .sysctl(let otherKey, _, _)): key == otherKey
    case (.createdDevice(let name), .raisedDevice(let other)), (.raisedDevice(let name), .createdDevice(let other)):
      name == other
    default: self == other
    }
  }
}
