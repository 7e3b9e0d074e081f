import ClusterModel
import CSystem
import Glibc
import HostSystem
import IngressModel
import Lab
import Synchronization

/// The program that holds a cluster in the background, from its building to its end.
///
/// It reads what to build from its standard input, tells on standard output how that goes, and then answers requests on
/// a socket until it is told to end, by one of them or by SIGTERM.
public enum ClusterHolder {
  /// What a holder is to build.
  struct Order: Codable {
    var name: String?
    /// None: the standard cluster.
    var files: [ClusterText]
    var patience: Double
    var drainSeconds: Double
  }

  /// Does all of it; the program's exit status.
  public static func run() -> Int32 {
    let interrupts = svs_watch_interrupts()
    let output = LineChannel(Descriptor(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)))
    func tell(_ reply: ControlReply) { output.send(ControlLine.text(reply)) }
    do throws(ClusterError) {
      guard interrupts >= 0 else {
        throw .control("signals cannot be watched: \(String(cString: strerror(-interrupts)))")
      }
      let bytes: [UInt8]
      do { bytes = try Files.read("/dev/stdin") } catch { throw .control("\(error)") }
      guard let order = ControlLine.message(Order.self, bytes) else {
        throw .control("this command is started by 'svs cluster up', and not by hand")
      }
      let progress = Progress(STDOUT_FILENO)
      let keeper = try build(order, interrupts, progress)
      let socket: Descriptor
      do { socket = try ControlSocket.listen(ControlSocket.path(keeper.cluster.name)) } catch {
        try? keeper.cluster.down()
        throw .control("\(error)")
      }
      let status = keeper.cluster.status()
      tell(ControlReply(status: status, isLast: true))
      moveOutput(to: "\(keeper.cluster.folder)/holder.log")
      return serve(keeper, socket, interrupts)
    } catch {
      tell(ControlReply(error: "\(error)", isLast: true))
      return 1
    }
  }

  /// Lines to whoever waits for the cluster.
  private struct Progress: Sendable {
    let number: CInt

    init(_ number: CInt) { self.number = number }

    func callAsFunction(_ text: String) {
      var line = ControlLine.text(ControlReply(progress: text))
      // Lines are shorter than a pipe takes at once.
      _ = write(number, &line, line.count)
    }
  }

  private static func build(
    _ order: Order, _ interrupts: CInt, _ progress: Progress
  ) throws(ClusterError) -> ClusterKeeper {
    let description: ClusterDescription
    do {
      description = try ClusterDescription.described(
        texts: order.files.map { .init(name: $0.name, text: $0.text) })
    } catch { throw .layout(error.description) }
    var options = RunningCluster.Options()
    options.patience = .seconds(order.patience)
    options.drainLimit = .seconds(order.drainSeconds)
    options.isAbandoned = {
      var watched = pollfd(fd: interrupts, events: Int16(POLLIN), revents: 0)
      return poll(&watched, 1, 0) > 0
    }
    options.report = { text in
      var line = Array("\(text)\n".utf8)
      _ = write(STDERR_FILENO, &line, line.count)
    }
    return try ClusterKeeper(description, name: order.name, options: options) { progress($0) }
  }

  /// Nobody reads what a program in the background says, unless it is kept.
  private static func moveOutput(to path: String) {
    let log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    guard log >= 0 else { return }
    dup2(log, STDOUT_FILENO)
    dup2(log, STDERR_FILENO)
    close(log)
  }

  /// How the holder's end comes about, on whichever thread.
  private final class Ending: Sendable {
    /// Becomes readable at the end.
    let event = svs_event()
    private let code = Atomic<Int32>(-1)

    /// The program's exit status, once it is to end.
    var status: Int32? {
      let code = code.load(ordering: .acquiring)
      return code < 0 ? nil : code
    }

    func come(_ status: Int32) {
      code.store(status, ordering: .releasing)
      var one: UInt64 = 1
      _ = write(event, &one, MemoryLayout<UInt64>.size)
    }
  }

  /// Watches signals, requests and the cluster's folder; what takes its time is done on other threads.
  private static func serve(_ keeper: ClusterKeeper, _ socket: borrowing Descriptor, _ interrupts: CInt) -> Int32 {
    let ending = Ending()
    let tending = Tending()
    var isEnding = false
    var pause = Deadline(in: tendingPause)
    while true {
      var watched = [
        pollfd(fd: socket.number, events: Int16(POLLIN), revents: 0),
        pollfd(fd: isEnding ? -1 : interrupts, events: Int16(POLLIN), revents: 0),
        pollfd(fd: ending.event, events: Int16(POLLIN), revents: 0),
      ]
      // As often as the folder is looked for.
      poll(&watched, nfds_t(watched.count), 1_000)
      if let status = ending.status { return status }
      // Without its folder nobody could find it to take it down.
      if !isEnding, watched[1].revents != 0 || keeper.cluster.isLost {
        isEnding = true
        Concurrently.start { end(keeper, ending) }
      }
      if !isEnding, pause.hasPassed {
        tending.start(keeper.cluster)
        pause = Deadline(in: tendingPause)
      }
      guard watched[0].revents != 0 else { continue }
      let peer = svs_accept(socket.number)
      guard peer >= 0 else { continue }
      // Changes take their time, and meanwhile others may want to know how things stand.
      Concurrently.start { answer(keeper, LineChannel(Descriptor(peer)), ending) }
    }
  }

  /// Somewhat less than the watching waits, so that each of its turns is one.
  private static let tendingPause = Duration.milliseconds(900)

  /// The looking after services, which may take its time: never twice at once.
  private final class Tending: Sendable {
    private let isRunning = Atomic<Bool>(false)

    func start(_ cluster: RunningCluster) {
      if isRunning.exchange(true, ordering: .acquiringAndReleasing) { return }
      Concurrently.start { [self] in
        cluster.services.tend()
        isRunning.store(false, ordering: .releasing)
      }
    }
  }

  private static func end(_ keeper: ClusterKeeper, _ ending: Ending) {
    do throws(ClusterError) {
      try keeper.cluster.down()
      ending.come(0)
    } catch {
      keeper.cluster.options.report("not all of the cluster could be removed: \(error)")
      ending.come(1)
    }
  }

  private static func answer(_ keeper: ClusterKeeper, _ channel: LineChannel, _ ending: Ending) {
    guard let line = channel.next() else { return }
    guard let request = ControlLine.message(ControlRequest.self, line) else {
      channel.send(ControlLine.text(ControlReply(error: "this is no request that a cluster understands", isLast: true)))
      return
    }
    let reply = Answer(peer: channel.number).reply { progress in keeper.answer(request, progress: progress) }
    let isTaken = channel.send(ControlLine.text(reply))
    if !isTaken, let error = reply.error { keeper.cluster.options.report("nobody waited for this: \(error)") }
    // The cluster was all that this program is for.
    if request.verb == .down, reply.error == nil { ending.come(0) }
  }

  /// An answer in the making, and the signs of life until it is there.
  private final class Answer: Sendable {
    private let peer: CInt
    private let made = Mutex<ControlReply?>(nil)
    private let event = svs_event()

    init(peer: CInt) { self.peer = peer }

    deinit { if event >= 0 { close(event) } }

    /// Whoever asked takes ten seconds without a line for the end.
    private static let beat: CInt = 2_000

    func reply(_ make: @escaping @Sendable (@escaping @Sendable (String) -> Void) -> ControlReply) -> ControlReply {
      // The signs of life are first, which is on this thread: they end when the other piece has, also where there can
      // be no other thread and that one ran before.
      try? Concurrently.run([
        { [self] in
          while !isMade {
            var watched = pollfd(fd: event, events: Int16(POLLIN), revents: 0)
            if poll(&watched, 1, Self.beat) == 0, !isMade { tell(ControlReply()) }
          }
          return nil
        },
        { [self] in
          let reply = make { [self] text in tell(ControlReply(progress: text)) }
          made.withLock { $0 = reply }
          var one: UInt64 = 1
          _ = write(event, &one, MemoryLayout<UInt64>.size)
          return nil
        },
      ])
      return made.withLock { $0 } ?? ControlReply(error: "there is no answer", isLast: true)
    }

    private var isMade: Bool { made.withLock { $0 != nil } }

    /// Tells a line if it is taken at once: nobody who does not read is to hold up a change.
    private func tell(_ reply: ControlReply) {
      let line = ControlLine.text(reply)
      _ = line.withUnsafeBytes { send(peer, $0.baseAddress, $0.count, CInt(MSG_DONTWAIT)) }
    }
  }
}
