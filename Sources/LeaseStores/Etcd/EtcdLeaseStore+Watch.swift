import ClusterModel

extension EtcdLeaseStore {
  public func changes() -> AsyncStream<LeaseStoreEvent> {
    AsyncStream(bufferingPolicy: .bufferingNewest(64)) { continuation in
      let task = Task {
        await watch(continuation)
        continuation.finish()
      }
      continuation.onTermination = { _ in task.cancel() }
    }
  }

  /// Goes on by itself when the server is gone.
  ///
  /// Each time it reads everything again, though etcd could tell changes from a revision on: that may be compacted, or of
  /// a store that was emptied since.
  private func watch(_ out: AsyncStream<LeaseStoreEvent>.Continuation) async {
    var pause = settings.pause.lowerBound
    var told: LeaseStoreError?
    while !Task.isCancelled {
      do throws(LeaseStoreError) {
        var content = try await self.content()
        try await follow(&content) { now in
          (told, pause) = (nil, settings.pause.lowerBound)
          out.yield(.state(now.state))
        }
      } catch {
        if case .ended = error { return }
        // A server that is gone for hours is one message. What was compacted is read again, and nobody's trouble.
        if case .compacted = error {
        } else if told != error {
          out.yield(.fault(error))
          told = error
        }
        try? await Task.sleep(for: pause * Double.random(in: 0.5...1))
        pause = min(pause * 2, settings.pause.upperBound)
      }
    }
  }

  /// Returns only by an error.
  ///
  /// - Parameter tell: is called when the watch has begun, and after each change.
  private func follow(
    _ content: inout EtcdContent, _ tell: (EtcdContent) -> Void
  ) async throws(LeaseStoreError) {
    let (endpoint, parts) = try await client.stream(
      "/v3/watch", EtcdMessage.watch(settings.prefix + "/", from: content.revision + 1))
    let place = "\(endpoint)"
    let (lines, feed) = AsyncThrowingStream<[UInt8], any Error>.makeStream()
    // A server that stopped keeps its connections, and a watch in which nothing changes is silent too.
    let probe = Task {
      do throws(LeaseStoreError) {
        while true {
          do { try await Task.sleep(for: settings.probeInterval) } catch { throw .ended(place: place) }
          _ = try await client.call(
            "/v3/kv/range",
            EtcdMessage.object(
              ("key", EtcdMessage.bytes(EtcdContent.configurationKey(settings.prefix))), ("keys_only", .bool(true))),
            at: endpoint)
        }
      } catch {
        // The next attempt would begin with this server again, and wait for it.
        if case .ended = error {} else { client.avoid(endpoint) }
        feed.finish(throwing: error)
      }
    }
    let reader = Task {
      var rest: [UInt8] = []
      do {
        for try await part in parts {
          guard case .body(let bytes) = part else { continue }
          rest += bytes
          while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            feed.yield(Array(rest[..<end]))
            rest.removeSubrange(...end)
          }
          guard rest.count <= HTTPExchange.largest else {
            throw HTTPExchange.Fault.unreachable("a line without an end")
          }
        }
        if !rest.isEmpty { feed.yield(rest) }
        throw HTTPExchange.Fault.unreachable("it ended the watch")
      } catch { feed.finish(throwing: error) }
    }
    defer {
      probe.cancel()
      reader.cancel()
    }
    do {
      for try await line in lines {
        if try take(line, place, &content) { tell(content) }
      }
    } catch { throw LeaseStoreError(error, at: place) }
    throw .ended(place: place)
  }

  /// Whether there is something to tell.
  private func take(_ line: [UInt8], _ place: String, _ content: inout EtcdContent) throws(LeaseStoreError) -> Bool {
    guard let message = try? JSONValue(parsing: line) else {
      throw .malformed(place: place, reason: "a watch that says '\(String(decoding: line.prefix(60), as: UTF8.self))'")
    }
    if let error = EtcdError(message, isError: false) { throw error.meaning(at: place) }
    guard let result = message["result"] else { return false }
    if result["canceled"] == .bool(true) {
      guard result["compact_revision"]?.integer ?? 0 == 0 else { throw .compacted(place: place) }
      throw .refused(place: place, reason: result["cancel_reason"]?.text ?? "it ended the watch")
    }
    let revision = result["header"]?["revision"]?.integer ?? 0
    if result["created"] == .bool(true) {
      // A store that was emptied in between counts from the beginning, and would be silent until it is there.
      guard revision >= content.revision else { throw .compacted(place: place) }
      return true
    }
    guard let events = result["events"]?.elements, !events.isEmpty else { return false }
    for event in events {
      content.apply(event)
      // Not the answer's: a watch that catches up tells the rest later.
      content.revision = max(content.revision, event["kv"]?["mod_revision"]?.integer ?? 0)
    }
    return true
  }
}
