import Glibc
import LoadGenerator
import Testing

@testable import LocustWorker

/// Masters that are there and do not answer.
@Suite struct SilentMasterTests {
  /// Listens on loopback, and answers each connection with some bytes and then nothing.
  private final class Mute: Sendable {
    let port: UInt16
    private let listener: CInt

    init(saying bytes: [UInt8]) throws {
      let listener = socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
      self.listener = listener
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
      var length = socklen_t(MemoryLayout<sockaddr_in>.size)
      let bound = withUnsafeMutablePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
          bind(listener, pointer, length) == 0 && listen(listener, 64) == 0
            && getsockname(listener, pointer, &length) == 0
        }
      }
      guard bound else { throw RealMaster.Failed(description: "cannot listen: \(errno)") }
      port = UInt16(bigEndian: address.sin_port)
      Target.thread {
        // Those that were accepted stay open, until the process or the other side ends them.
        while true {
          let connection = accept(listener, nil, nil)
          guard connection >= 0 else { return }
          _ = send(connection, bytes, bytes.count, CInt(MSG_NOSIGNAL))
        }
      }
    }

    deinit {
      shutdown(listener, CInt(SHUT_RDWR))
      close(listener)
    }
  }

  private static func problem(_ master: Mute, _ log: RealLocustTests.Log) async -> WorkerError? {
    var patience = WorkerPatience()
    patience.answer = 0.5
    patience.tries = 3
    let worker = LocustWorker(
      Master(host: "127.0.0.1", port: master.port), workload: RealLocustTests.workload, threads: 1, patience: patience,
      settings: { _ in }, log: { log.add($0) })
    return await RealLocustTests.problem(of: worker)
  }

  @Test(.timeLimit(.minutes(1))) func oneThatSaysNothingAtAll() async throws {
    let master = try Mute(saying: [])
    let log = RealLocustTests.Log()
    let problem = await Self.problem(master, log)
    #expect(problem == .mute(Master(host: "127.0.0.1", port: master.port)))
    #expect(problem?.description.contains("takes the connection and says nothing") == true)
    #expect(log.text.contains("trying again"))
  }

  @Test(.timeLimit(.minutes(1))) func oneThatSpeaksZeroMQAndNeverAccepts() async throws {
    // The other side's opening is as good as a ROUTER's: this one ignores what it calls itself.
    let master = try Mute(saying: ZMTPPeer(identity: "").opening)
    let log = RealLocustTests.Log()
    let problem = await Self.problem(master, log)
    #expect(problem == .unanswered(Master(host: "127.0.0.1", port: master.port), seconds: 1.5))
    #expect(log.text.contains("asking again (1 of 3)") && log.text.contains("asking again (3 of 3)"), "\(log.text)")
  }

  @Test func triesAreThoseOfLocust() {
    var session = SessionTests.session()
    var tries = 0
    var gaveUp: Double?
    for second in 1...1000 {
      let now = Double(second)
      let types = SessionTests.types(session.tick(at: now, cpu: 0, memory: 0))
      if types.contains("[reconnect]") {
        tries += 1
        _ = session.connected(at: now)
      }
      if types.contains("[give up]") {
        gaveUp = now
        break
      }
    }
    #expect(tries == 60 && !session.wasAccepted)
    #expect((300...370).contains(gaveUp ?? 0))
    // One answer makes up for all that was missed.
    var other = SessionTests.session()
    for second in stride(from: 6.0, to: 200, by: 6) {
      _ = other.tick(at: second, cpu: 0, memory: 0)
      _ = other.connected(at: second)
    }
    _ = other.receive(SessionTests.master("ack"), at: 200)
    #expect(other.wasAccepted && SessionTests.types(other.tick(at: 201, cpu: 0, memory: 0)) == ["heartbeat"])
  }
}
