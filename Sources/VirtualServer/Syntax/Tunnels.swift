import KernelDirector

extension TunnelKind {
  var name: String {
    switch self {
    case .ipip: "ipip"
    case .gue: "gue"
    case .gre: "gre"
    }
  }

  init?(name: String) {
    guard let kind = [Self.ipip, .gue, .gre].first(where: { $0.name == name }) else { return nil }
    self = kind
  }
}

/// The bits of `ServerSettings.tunnelFlags`, as IPVS numbers them.
enum TunnelFlags {
  static let checksum: UInt16 = 1
  static let remoteChecksum: UInt16 = 2

  /// What an option sets; no checksum is what there is without a bit.
  static func bit(of option: CommandOption) -> UInt16 {
    switch option {
    case .tunnelChecksum: checksum
    case .tunnelRemoteChecksum: remoteChecksum
    default: 0
    }
  }
}
