import KernelDirector

/// FULLNAT's pools as text: what `svs local-address save` prints and `restore` takes.
///
/// Each line is `local-address add` or `client-address set`, and what that command takes; `#` begins a comment line.
public struct SavedLocalAddresses: Hashable, Sendable {
  public struct Line: Hashable, Sendable {
    /// Counted from 1.
    public var number: Int
    public var rule: LocalAddressRule
  }

  public var lines: [Line] = []
  /// How servers learn of their clients, with the number of the line.
  public var disclosures: [(number: Int, rule: ClientAddressRule)] { told.map { ($0.number, $0.rule) } }
  private var told: [Told] = []

  private struct Told: Hashable, Sendable {
    var number: Int
    var rule: ClientAddressRule
  }

  /// - Throws: what is wrong, with the number of the line.
  public init(_ text: String) throws(LocalAddressError) {
    var number = 0
    for line in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
      number += 1
      let words = line.split { $0 == " " || $0 == "\t" }.map(String.init)
      guard let first = words.first, !first.hasPrefix("#") else { continue }
      if words.count > 2, words[0] == "client-address", words[1] == "set" {
        do { told.append(Told(number: number, rule: try ClientAddressRule(words: words.dropFirst(2)))) } catch {
          throw LocalAddressError("line \(number): \(error)")
        }
        continue
      }
      guard let rule = try Self.rule(words, number) else {
        throw LocalAddressError(
          "line \(number): a line is 'local-address add [SERVICE] ADDRESS[/LEN] [--ports FIRST-LAST]' or "
            + "'client-address set SERVICE METHOD'")
      }
      lines.append(Line(number: number, rule: rule))
    }
  }

  /// What is in the pools now; what the director took of itself and what is on its way out do not count.
  public static func text(_ pools: [LocalAddressSnapshot], _ disclosures: [DisclosureSnapshot] = []) -> String {
    pools.filter { !$0.isImplicit && !$0.isLeaving }
      .map { "local-address add \(LocalAddressRule($0.addresses, of: $0.service).text)\n" }.joined()
      + disclosures.map { "client-address set \(ClientAddressRule($0.disclosure, of: $0.service).text)\n" }.joined()
  }

  /// The rule of a line's words; nil where they are another command.
  private static func rule(_ words: [String], _ number: Int) throws(LocalAddressError) -> LocalAddressRule? {
    guard words.count > 2, words[0] == "local-address", words[1] == "add" else { return nil }
    do { return try LocalAddressRule(words: words.dropFirst(2)) } catch {
      throw LocalAddressError("line \(number): \(error)")
    }
  }
}

extension SavedLocalAddresses {
  /// Makes the pools what is saved here: adds what is missing, then takes out what is not named.
  ///
  /// Nothing is changed where a line cannot be carried out: all are judged before the first is. What other rules get in
  /// the way of is carried out, and among the director's remarks.
  public func restore(to director: Director) throws(LocalAddressError) {
    let outcome: Result<Void, LocalAddressError>
    do {
      outcome = try director.inOneSitting {
        do throws(LocalAddressError) { return .success(try apply(to: director)) } catch { return .failure(error) }
      }
    } catch { throw LocalAddressError(error) }
    try outcome.get()
  }

  private func apply(to director: Director) throws(LocalAddressError) {
    do throws(DirectorError) {
      let pools = try director.localAddresses().filter { !$0.isImplicit && !$0.isLeaving }
      let standing = Set(pools.map { LocalAddressRule($0.addresses, of: $0.service) })
      let busy = Set(pools.filter { $0.used > 0 }.map { LocalAddressRule($0.addresses, of: $0.service) })
      let services = Set(try director.services().map(\.identity))
      try judge(services)
      let wanted = Set(lines.map(\.rule))
      // What gives way first makes room for what overlaps it; the rest goes last, so that nobody is refused.
      let leaving = standing.subtracting(wanted)
      let coming = wanted.subtracting(standing)
      // What only gets other ports is exchanged at once.
      let changing = leaving.filter { old in
        coming.contains { $0.service == old.service && $0.addresses.network == old.addresses.network }
          && !leaving.contains { $0 != old && $0.addresses.network == old.addresses.network }
          && coming.count { $0.addresses.network == old.addresses.network } == 1
      }
      var inTheWay = leaving.subtracting(changing).filter { old in
        coming.contains { $0.addresses.overlaps(old.addresses) }
      }
      // The table may not hold old and new at once; entries with connections stay for a while.
      let missing = coming.count - (try director.localAddressRoom())
      if missing > inTheWay.count {
        let idle = leaving.subtracting(changing).subtracting(inTheWay).filter { !busy.contains($0) }
        guard missing <= inTheWay.count + idle.count else {
          throw .full(what: "local addresses: \(missing - inTheWay.count - idle.count) entries too many")
        }
        inTheWay.formUnion(idle.sorted { $0.text < $1.text }.prefix(missing - inTheWay.count))
      }
      for rule in inTheWay { try director.deleteLocalAddresses(rule.addresses, of: rule.service) }
      var there = standing
      for line in lines where there.insert(line.rule).inserted {
        let rule = line.rule
        if changing.contains(where: { $0.service == rule.service && $0.addresses.network == rule.addresses.network }) {
          try director.changeLocalAddresses(rule.addresses, of: rule.service, isRestoring: true)
        } else {
          try director.addLocalAddresses(rule.addresses, to: rule.service, isRestoring: true)
        }
      }
      for rule in leaving.subtracting(inTheWay).subtracting(changing) {
        try director.deleteLocalAddresses(rule.addresses, of: rule.service)
      }
      for entry in told { try director.setDisclosure(entry.rule.disclosure, of: entry.rule.service) }
      let named = Set(told.map(\.rule.service))
      for entry in try director.disclosures() where !named.contains(entry.service) {
        try director.setDisclosure(Disclosure(), of: entry.service)
      }
    } catch { throw LocalAddressError(error) }
  }

  private func judge(_ services: Set<ServiceIdentity>) throws(DirectorError) {
    for entry in told {
      if !services.contains(entry.rule.service) {
        throw .invalidLocalAddress("line \(entry.number): there is no service \(entry.rule.service.named)")
      }
      if !entry.rule.disclosure.suits(entry.rule.service) { throw .disclosureNeedsTCP }
    }
    var seen: [LocalAddressRule] = []
    for line in lines {
      let addresses = line.rule.addresses
      if let fault = addresses.fault { throw .invalidLocalAddress("line \(line.number): \(fault)") }
      if let service = line.rule.service, !services.contains(service) {
        throw .invalidLocalAddress("line \(line.number): there is no service \(service.named)")
      }
      // To say a thing twice does no harm.
      if seen.contains(line.rule) { continue }
      if seen.contains(where: { $0.addresses.overlaps(addresses) }) {
        throw .invalidLocalAddress("line \(line.number): some of these addresses and ports stand in an earlier line")
      }
      seen.append(line.rule)
    }
  }
}
