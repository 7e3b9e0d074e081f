/// Moments at which users are to go on: a binary heap, the earliest first.
struct Alarms {
  struct Alarm {
    var time: UInt64
    var slot: Int
    /// The user's round when it was set; another one by then makes it void.
    var round: UInt64
  }

  private var heap: [Alarm] = []

  var earliest: UInt64? { heap.first?.time }

  mutating func set(_ alarm: Alarm) {
    heap.append(alarm)
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard heap[child].time < heap[parent].time else { return }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  /// Takes the earliest one if its time has come.
  mutating func due(at now: UInt64) -> Alarm? {
    guard let first = heap.first, first.time <= now else { return nil }
    let last = heap.removeLast()
    guard !heap.isEmpty else { return first }
    heap[0] = last
    var parent = 0
    while true {
      var child = parent * 2 + 1
      guard child < heap.count else { return first }
      if child + 1 < heap.count, heap[child + 1].time < heap[child].time { child += 1 }
      guard heap[child].time < heap[parent].time else { return first }
      heap.swapAt(child, parent)
      parent = child
    }
  }

  mutating func removeAll() { heap.removeAll() }
}
