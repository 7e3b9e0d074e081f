import Glibc

extension DirectorError {
  /// The error as a sentence for people: what was wrong, and what to do.
  public var sentence: String {
    switch self {
    case .serviceExists: "the service exists already"
    case .noSuchService: "there is no such service"
    case .serverExists: "the real server exists already"
    case .noSuchServer: "there is no such real server"
    case .schedulerNotFound(let name): "there is no scheduler named \(name)"
    case .familyMismatch:
      "the service and the real server are of different address families; only tunnels and FULLNAT join those"
    case .invalidServer: "this address cannot be a real server's"
    case .invalidLocalAddress(let why): why
    case .localAddressTaken: "some of these local addresses are in a pool already; 'svs local-address list' shows which"
    case .disclosureNeedsTCP:
      "clients can be told to servers of TCP only: neither TOA nor the PROXY protocol is for other protocols"
    case .noSuchLocalAddress: "there are no such local addresses; 'svs local-address list' shows which there are"
    case .thresholdOrder: "the lower threshold is above the upper one"
    case .noSuchInterface(let name): "there is no interface named \(name)"
    case .syncDaemonRunning: "the sync daemon runs already"
    case .noSyncDaemon: "no sync daemon runs"
    case .notAttached(let name): "\(name) is not attached"
    case .isDiverted:
      "this director stands beside the host's traffic and is attached to no interface; 'svs attach' without names puts "
        + "right what sends it its packets, and 'svs detach' ends it"
    case .capacityFixed(let capacity):
      "the connection table holds \(capacity) connections and cannot be resized; save the rules, run 'svs detach', "
        + "and attach again (connections are lost)"
    case .capacityOutOfRange(let range): "--connections takes a number from \(range.lowerBound) to \(range.upperBound)"
    case .notPermitted: "this needs root; try sudo"
    case .layoutMismatch(let found, let expected):
      "another version of SVS runs in this network namespace (layout \(found), this one has \(expected)); end it with "
        + "'svs detach', which forgets its rules, or use its own programs"
    case .full(let what): "no room left: \(what)"
    case .system(let doing, let code): "cannot \(doing): \(String(cString: strerror(code)))"
    case .unsupportedKernel(let why): why
    }
  }
}
