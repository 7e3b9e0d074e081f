/// The flags of `-b`: three bits that any scheduler may use, of which sh and mh have given two names of their own.
enum SchedulerFlags {
  private static let own: [(scheduler: String, names: [String])] = [
    ("sh", ["sh-fallback", "sh-port"]),
    ("mh", ["mh-fallback", "mh-port"]),
  ]
  private static let common = ["flag-1", "flag-2", "flag-3"]

  /// Reads a list separated by commas; empty entries count for nothing.
  static func read(_ text: String, scheduler: String) throws(CommandError) -> UInt8 {
    var flags: UInt8 = 0
    for entry in text.split(separator: ",", omittingEmptySubsequences: true) {
      let name = String(entry)
      if let bit = common.firstIndex(of: name) {
        flags |= 1 << UInt8(bit)
      } else if let (owner, names) = own.first(where: { $0.names.contains(name) }), let bit = names.firstIndex(of: name)
      {
        guard owner == scheduler else { throw .misuse("incompatible scheduler flag `\(name)'") }
        flags |= 1 << UInt8(bit)
      } else {
        throw .misuse("invalid scheduler flag `\(name)'")
      }
    }
    return flags
  }

  /// The list that stands for these flags; flags without a name under this scheduler are left out.
  static func text(_ flags: UInt8, scheduler: String) -> String {
    let names = own.first { $0.scheduler == scheduler }?.names ?? common
    return names.indices.filter { flags & 1 << UInt8($0) != 0 }.map { names[$0] }.joined(separator: ",")
  }
}
