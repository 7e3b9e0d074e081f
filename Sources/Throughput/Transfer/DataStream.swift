import CSystem
import Glibc
import HostSystem
import Synchronization

/// One stream of a test: its socket, and what its thread has counted so far.
///
/// Only the thread of the stream writes the counters; any thread may read them while it runs.
final class DataStream: Sendable {
  enum Role: Sendable { case sender, receiver }

  let descriptor: Descriptor
  let role: Role
  /// The number that it has in results.
  let id: Int
  let local: Endpoint
  let remote: Endpoint

  let bytes = Atomic<UInt64>(0)
  /// Datagrams sent, or the highest number received.
  let packets = Atomic<UInt64>(0)
  let lost = Atomic<Int64>(0)
  let outOfOrder = Atomic<UInt64>(0)
  /// The bits of a Double, seconds.
  let jitter = Atomic<UInt64>(0)
  let userTime = Atomic<UInt64>(0)
  let systemTime = Atomic<UInt64>(0)
  /// The errno that ended it before its time.
  let failure = Atomic<CInt>(0)

  init(_ descriptor: consuming Descriptor, _ role: Role, id: Int) {
    local = Endpoint(SocketAddress.local(of: descriptor.number))
    remote = Endpoint(SocketAddress.peer(of: descriptor.number))
    self.descriptor = descriptor
    self.role = role
    self.id = id
  }

  /// What is printed of it as its number: the socket's, as iperf3 does.
  var label: Int { Int(descriptor.number) }

  func add(_ count: Int) { bytes.add(UInt64(count), ordering: .relaxed) }
}

/// What the threads of a test have in common: when to stop, and how much there is to send.
final class TransferControl: Sendable {
  private let stopping = Atomic<Bool>(false)
  private let stoppingReceivers = Atomic<Bool>(false)
  /// Blocks that may still be begun, where the test ends by an amount.
  private let blocksLeft: Atomic<Int64>
  private let isBounded: Bool
  private let sendersLeft: Atomic<Int>
  /// Octets that may still come, where the test ends by an amount and the other side sends.
  private let bytesToCome: Atomic<Int64>
  let amountIsThrough = Atomic<Bool>(false)
  let parameters: TestParameters
  /// Rung when the amount is through, when all senders have stopped, and when a stream fails.
  let bell: Bell
  /// Rung when senders are to stop, for those that sleep until their next block is due; never quietened.
  let stopBell: Bell

  /// - Parameter endsByAmount: whether this side watches the amount; that is the client's part.
  init(_ parameters: TestParameters, senders: Int, endsByAmount: Bool, bell: Bell) throws(ThroughputError) {
    stopBell = try Bell()
    self.parameters = parameters
    self.bell = bell
    let size = UInt64(parameters.blockSize)
    let (whole, rest) = parameters.bytes.quotientAndRemainder(dividingBy: size)
    let blocks = parameters.blocks > 0 ? parameters.blocks : whole + (rest > 0 ? 1 : 0)
    isBounded = endsByAmount && blocks > 0
    blocksLeft = Atomic(Int64(clamping: blocks))
    sendersLeft = Atomic(senders)
    let bytes = parameters.blocks > 0 ? blocks.multipliedReportingOverflow(by: size).partialValue : parameters.bytes
    bytesToCome = Atomic(Int64(clamping: bytes))
  }

  var isStopping: Bool { stopping.load(ordering: .relaxed) }
  var receiversAreStopping: Bool { stoppingReceivers.load(ordering: .relaxed) }

  /// - Parameter receivers: no if the other side may still send, and must not be held by what nobody reads.
  func stop(receivers: Bool) {
    stopping.store(true, ordering: .relaxed)
    if receivers { stoppingReceivers.store(true, ordering: .relaxed) }
    stopBell.ring()
  }

  /// Whether one more block may be sent.
  func mayBegin() -> Bool {
    if isStopping { return false }
    return !isBounded || blocksLeft.subtract(1, ordering: .relaxed).newValue >= 0
  }

  /// A sender has stopped. With the last one the amount is through, if there was one.
  func senderIsDone() {
    guard sendersLeft.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 else { return }
    if isBounded { amountIsThrough.store(true, ordering: .releasing) }
    bell.ring()
  }

  var hasSenders: Bool { sendersLeft.load(ordering: .acquiring) > 0 }

  func received(_ count: Int) {
    guard isBounded, bytesToCome.subtract(Int64(count), ordering: .relaxed).newValue <= 0,
      !amountIsThrough.exchange(true, ordering: .acquiringAndReleasing)
    else { return }
    bell.ring()
  }

}
