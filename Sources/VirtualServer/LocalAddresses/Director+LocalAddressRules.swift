import KernelDirector
import Netlink

/// Pools by rules as people write them; what is refused is told with where the addresses are instead.
extension Director {
  /// Puts a rule's addresses in its pool.
  ///
  /// - Parameter isRestoring: whether what is in the way of other rules is remarked on instead of refused.
  public func add(_ rule: LocalAddressRule, isRestoring: Bool = false) throws(LocalAddressError) {
    do throws(DirectorError) {
      try addLocalAddresses(rule.addresses, to: rule.service, isRestoring: isRestoring)
    } catch {
      throw LocalAddressError(error, about: rule, in: self)
    }
  }

  /// Gives a rule's addresses, which are in its pool, the rule's ports.
  public func change(_ rule: LocalAddressRule) throws(LocalAddressError) {
    do throws(DirectorError) { try changeLocalAddresses(rule.addresses, of: rule.service) } catch {
      throw LocalAddressError(error, about: rule, in: self)
    }
  }

  /// Takes a rule's addresses out of its pool, whatever their ports.
  public func remove(_ rule: LocalAddressRule) throws(LocalAddressError) {
    do throws(DirectorError) { try deleteLocalAddresses(rule.addresses.network, of: rule.service) } catch {
      throw LocalAddressError(error, about: rule, in: self)
    }
  }
}

extension LocalAddressError {
  fileprivate init(_ error: DirectorError, about rule: LocalAddressRule, in director: Director) {
    guard error == .localAddressTaken || error == .noSuchLocalAddress,
      let pools = try? director.localAddresses().filter({ !$0.isLeaving }),
      let sentence = error == .localAddressTaken ? rule.whoHas(pools) : rule.whereabouts(pools)
    else {
      self.init(error)
      return
    }
    self.init(sentence)
  }
}

extension LocalAddressRule {
  private var network: IPPrefix { addresses.network }

  /// What is in a pool already of what was to be added.
  func whoHas(_ pools: [LocalAddressSnapshot]) -> String? {
    let taken = pools.filter { !$0.isImplicit && $0.addresses.overlaps(addresses) }
    // What only another network has cannot be changed by the same words.
    let others = taken.filter { $0.service != service || $0.addresses.network != network }
    guard let other = others.first ?? taken.first else { return nil }
    let ports = "\(other.addresses.ports.lowerBound)-\(other.addresses.ports.upperBound)"
    let what = "\(other.addresses.network) with ports \(ports) is in a pool already, \(other.service.poolName)"
    guard other.service == service, other.addresses.network == network else { return what }
    return what + "; 'svs local-address set' changes its ports"
  }

  /// Where addresses are that are not in the pool that was named.
  func whereabouts(_ pools: [LocalAddressSnapshot]) -> String? {
    if let own = pools.first(where: { $0.isImplicit && $0.addresses.network == network }) {
      return "\(own.addresses.network) is in no pool: the director takes its own address while no pool has one"
    }
    let named = pools.filter { !$0.isImplicit }
    if let other = named.first(where: { $0.addresses.network == network }) {
      let words = other.service.map { "name the service too: '\($0.named) \(network)'" } ?? "leave the service out"
      return "\(network) is not in \(service.poolName) but in \(other.service.poolName); \(words)"
    }
    if let whole = named.first(where: { $0.addresses.network.contains(network.address) }) {
      return "\(network) is a part of \(whole.addresses.network) in \(whole.service.poolName), which leaves as a whole"
    }
    if let part = named.first(where: { network.contains($0.addresses.network.address) }) {
      return "\(network) is in no pool as a whole, but \(part.addresses.network) is in \(part.service.poolName)"
    }
    return nil
  }
}

extension ServiceIdentity? {
  fileprivate var poolName: String { map { "that of \($0.named)" } ?? "the default one" }
}
