import ClusterModel
import Netlink

/// Why a store could not do something.
public enum LeaseStoreError: Error, Hashable, Sendable, CustomStringConvertible {
  /// Nobody answers.
  case unreachable(place: String, reason: String)
  /// Somebody is there, and does not answer in time.
  case slow(place: String, limit: Duration)
  /// It answers, and will not.
  case refused(place: String, reason: String)
  /// What it answers cannot be read.
  case malformed(place: String, reason: String)
  /// The changes that were asked for are no longer kept; all has to be read again.
  case compacted(place: String)
  case noConfiguration(place: String)
  case badConfiguration(place: String, FlannelConfigurationError)
  case badLease(SubnetLeaseFault)
  /// A lease ended, or its subnet is another node's.
  case lostLease(subnet: IPPrefix, place: String, reason: String)
  case exhausted(place: String, SubnetsExhausted)
  /// Others were quicker, again and again.
  case contended(place: String, attempts: Int)
  /// Who waited waits no more.
  case ended(place: String)

  public var description: String {
    switch self {
    case .unreachable(let place, let reason):
      "\(place) cannot be reached: \(reason); see whether it runs there and has a leader"
    case .slow(let place, let limit):
      "\(place) did not answer within \(limit.inWords); see whether it is overloaded, or has no leader"
    case .refused(let place, let reason): "\(place) refuses: \(reason)"
    case .malformed(let place, let reason): "\(place) answers what cannot be read: \(reason)"
    case .compacted(let place): "\(place) no longer has the changes since the last one seen; all is read again"
    case .noConfiguration(let place):
      "there is no configuration in \(place); write one, such as "
        + #"{"Network": "10.244.0.0/16", "Backend": {"Type": "vxlan"}}"#
    case .badConfiguration(let place, let error): "the configuration in \(place) cannot be served: \(error)"
    case .badLease(let fault): "\(fault)"
    case .lostLease(let subnet, let place, let reason): "the lease of \(subnet) in \(place) is lost: \(reason)"
    case .exhausted(let place, let error): "no subnet is free in \(place): \(error)"
    case .contended(let place, let attempts):
      "others changed the leases in \(place) during each of \(attempts) attempts; see who writes there so often"
    case .ended(let place): "the wait for \(place) was ended"
    }
  }

  /// Whether another server of the same store may do it.
  var isOfOneServer: Bool {
    switch self {
    case .unreachable, .slow, .malformed: true
    default: false
    }
  }
}

extension Duration {
  fileprivate var inWords: String {
    let milliseconds = components.seconds * 1_000 + components.attoseconds / 1_000_000_000_000_000
    return milliseconds % 1_000 == 0 ? "\(milliseconds / 1_000) s" : "\(milliseconds) ms"
  }
}
