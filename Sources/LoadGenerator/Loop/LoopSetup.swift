import HTTPWire
import HostSystem

/// What all loops of a load share, made once from its plan.
struct LoopSetup: Sendable {
  /// This loop's number, and how many there are.
  var index: Int
  var loops: Int
  var target: Target
  var addresses: [SocketAddress]
  var classes: [Chooser]
  var tasks: [PreparedTask]
  var version: LoadPlan.Version
  var tls: TLSContext?
  var keepsAlive: Bool
  /// Nanoseconds that a request may take.
  var timeout: UInt64
  var sweepInterval: UInt64
  var rate: Double?
  /// When an open-loop load begins.
  var start: UInt64
  /// The first moment for which such a load plans nothing any more; nil where it goes on until it is stopped.
  var end: UInt64?

  init(_ plan: LoadPlan, addresses: [SocketAddress], index: Int, start: UInt64) throws(LoadError) {
    self.index = index
    loops = plan.threads
    target = plan.target
    self.addresses = addresses
    var first = 0
    classes = plan.classes.map { userClass in
      defer { first += userClass.tasks.count }
      return Chooser(userClass, firstTask: first)
    }
    tasks = plan.classes.flatMap { userClass in
      userClass.tasks.map { PreparedTask($0, target: plan.target, keepsAlive: plan.keepsAlive) }
    }
    version = plan.version
    if plan.target.isSecure {
      do throws(TLSFailure) {
        tls = try TLSContext(
          verifies: plan.verifiesCertificate, protocols: plan.version == .http2 ? ["h2"] : ["http/1.1"])
      } catch {
        throw .tls(error.description)
      }
    }
    keepsAlive = plan.keepsAlive
    timeout = UInt64(max(0.001, plan.timeout) * 1e9)
    sweepInterval = min(250_000_000, max(1_000_000, timeout / 20))
    rate = plan.rate.map { max(0.001, $0) }
    self.start = start
  }
}

/// Chooses a class's tasks by their weights, and its pauses.
struct Chooser: Sendable {
  private let first: Int
  /// Sums of weights up to each task.
  private let sums: [UInt64]
  private let wait: ClosedRange<Double>

  init(_ userClass: UserClass, firstTask: Int) {
    first = firstTask
    var sum: UInt64 = 0
    sums = userClass.tasks.map { task in
      sum += UInt64(max(1, task.weight))
      return sum
    }
    wait = userClass.wait
  }

  func pick(_ random: UInt64) -> Int {
    guard sums.count > 1, let total = sums.last else { return first }
    let place = random.multipliedFullWidth(by: total).high
    var low = 0
    var high = sums.count - 1
    while low < high {
      let middle = (low + high) / 2
      if sums[middle] > place { high = middle } else { low = middle + 1 }
    }
    return first + low
  }

  /// Nanoseconds.
  func pause(_ random: UInt64) -> UInt64 {
    guard wait.upperBound > 0 else { return 0 }
    let share = Double(random >> 11) / Double(1 << 53)
    return UInt64((wait.lowerBound + (wait.upperBound - wait.lowerBound) * share) * 1e9)
  }
}
