import ClusterModel
import CSystem
import Glibc
import HostSystem
import IngressModel
import Lab

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
      description =
        order.files.isEmpty
        ? try ClusterDescription.standard()
        : try ClusterDescription.read(texts: order.files.map { .init(name: $0.name, text: $0.text) })
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

  private static func serve(_ keeper: ClusterKeeper, _ socket: borrowing Descriptor, _ interrupts: CInt) -> Int32 {
    while true {
      var watched = [
        pollfd(fd: socket.number, events: Int16(POLLIN), revents: 0),
        pollfd(fd: interrupts, events: Int16(POLLIN), revents: 0),
      ]
      let count = poll(&watched, 2, 5_000)
      if count == 0 { keeper.cluster.services.tend() }
      if watched[1].revents != 0 {
        do throws(ClusterError) { try keeper.cluster.down() } catch {
          keeper.cluster.options.report("not all of the cluster could be removed: \(error)")
          return 1
        }
        return 0
      }
      guard watched[0].revents != 0 else { continue }
      let peer = svs_accept(socket.number)
      guard peer >= 0 else { continue }
      // Changes take their time, and meanwhile others may want to know how things stand.
      Concurrently.start { answer(keeper, LineChannel(Descriptor(peer))) }
    }
  }

  private static func answer(_ keeper: ClusterKeeper, _ channel: LineChannel) {
    guard let line = channel.next() else { return }
    guard let request = ControlLine.message(ControlRequest.self, line) else {
      channel.send(ControlLine.text(ControlReply(error: "this is no request that a cluster understands", isLast: true)))
      return
    }
    let peer = channel.number
    let reply = keeper.answer(request) { text in
      var line = ControlLine.text(ControlReply(progress: text))
      _ = write(peer, &line, line.count)
    }
    channel.send(ControlLine.text(reply))
    // The cluster was all that this program is for.
    if request.verb == .down, reply.error == nil { exit(0) }
  }
}
