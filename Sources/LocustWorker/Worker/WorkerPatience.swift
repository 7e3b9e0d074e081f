/// How long a worker waits for what, in seconds; Locust's own numbers (locust/runners.py of 2.47).
package struct WorkerPatience: Sendable {
  /// For a master to accept the worker, before it is asked again (CONNECT_TIMEOUT).
  package var answer = 5.0
  /// How often a master that never accepted it is asked (CONNECT_RETRY_COUNT).
  package var tries = 60
  /// For the next heartbeat of a master that did (MASTER_HEARTBEAT_TIMEOUT).
  package var silence = 60.0
  /// For an answer to a heartbeat after a new connection: three of the master's own intervals.
  package var recognition = 3.0

  package init() {}

  /// How long a master that never accepted the worker is looked for.
  package var search: Double { answer * Double(tries) }
}
