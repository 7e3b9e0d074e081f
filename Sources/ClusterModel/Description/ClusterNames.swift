/// What names of clusters, nodes, pods and services may be.
///
/// They become labels of DNS names, names of namespaces (CLUSTER-NODE, CLUSTER-POD), folders and hosts of a lab.
enum ClusterNames {
  /// Of clusters, nodes and pods, in bytes: what a lab allows its hosts.
  static let hostLimit = 24

  /// What is wrong with a name, as the end of a sentence; nil where nothing is.
  static func fault(of name: String, limit: Int) -> String? {
    guard name.utf8.count <= limit else {
      return "is longer than \(limit) characters; give it a shorter one"
    }
    guard let first = name.utf8.first, let last = name.utf8.last, isLetter(first), last != hyphen,
      name.utf8.allSatisfy({ isLetter($0) || isDigit($0) || $0 == hyphen })
    else {
      return "is no name here; write lower-case letters, digits and hyphens, a letter first and no hyphen last"
    }
    return nil
  }

  /// A domain: such names with dots between.
  static func isDomain(_ name: String) -> Bool {
    name.utf8.count <= 200
      && name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy {
        fault(of: String($0), limit: 63) == nil
      }
  }

  /// The name shortened to a length, with a hash of the whole so that two such names stay different.
  static func shortened(_ name: String, to limit: Int) -> String {
    guard name.utf8.count > limit, limit > 6 else { return name }
    let digits = String(hash(name) & 0xFFFF | 0x1_0000, radix: 16).dropFirst()
    return "\(name.prefix(limit - 5))-\(digits)"
  }

  /// FNV-1a: the same in every process, which Swift's own hashes are not.
  static func hash(_ text: String) -> UInt32 {
    text.utf8.reduce(2_166_136_261) { ($0 ^ UInt32($1)) &* 16_777_619 }
  }

  private static let hyphen = UInt8(ascii: "-")
  private static func isLetter(_ byte: UInt8) -> Bool { UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte }
  private static func isDigit(_ byte: UInt8) -> Bool { UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte }
}
