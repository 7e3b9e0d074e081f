import NIOCore
import NIOHTTP1
import Synchronization

/// The connections that are open, to be ended in order.
final class Connections: Sendable {
  private struct State {
    var channels: [ObjectIdentifier: any Channel] = [:]
    var isEnding = false
  }

  private let state = Mutex(State())

  func add(_ channel: any Channel) {
    let key = ObjectIdentifier(channel)
    let isLate = state.withLock { state in
      state.channels[key] = channel
      return state.isEnding
    }
    channel.closeFuture.whenComplete { _ in self.state.withLock { $0.channels[key] = nil } }
    if isLate { quiesce(channel) }
  }

  /// Closes what is idle at once, the others after their response, and all when the time is over.
  func end(within grace: Duration) async {
    let channels = state.withLock { state in
      state.isEnding = true
      return Array(state.channels.values)
    }
    for channel in channels { quiesce(channel) }
    await withTaskGroup(of: Void.self) { group in
      group.addTask {
        for channel in channels { try? await channel.closeFuture.get() }
      }
      group.addTask {
        guard (try? await Task.sleep(for: grace)) != nil else { return }
        for channel in channels { channel.close(promise: nil) }
      }
      // The sleeper ends the wait by closing; the waiter ends the sleeper.
      for _ in 0..<2 {
        await group.next()
        if channels.allSatisfy({ !$0.isActive }) { group.cancelAll() }
      }
    }
  }

  /// NIO's HTTP server answers the request under way, if there is one, and closes.
  private func quiesce(_ channel: any Channel) {
    channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
  }
}
