import Glibc
import Synchronization

/// A loop's thread. It owns the loop; others reach it by its mailbox only.
enum LoopThread {
  private final class Start {
    let loop: UserLoop
    init(_ loop: UserLoop) { self.loop = loop }
  }

  static func start(_ setup: LoopSetup) throws(LoadError) -> Mailbox {
    let loop = try UserLoop(setup)
    let mailbox = loop.mailbox
    let start = Unmanaged.passRetained(Start(loop))
    var thread = pthread_t()
    let result = pthread_create(
      &thread, nil,
      { argument in
        if let argument { Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().loop.run() }
        return nil
      }, start.toOpaque())
    guard result == 0 else {
      start.release()
      throw .system("start a thread", code: result)
    }
    pthread_detach(thread)
    return mailbox
  }
}
