/// Runs of slots, for lists of endpoints: which are free, and which were freed but may still be looked at.
struct SlotRanges {
  /// By their beginnings; neighbours are joined.
  private var free: [Range<Int>] = []
  private var retired: [Range<Int>] = []

  /// - Parameter used: by their beginnings, none twice.
  init(capacity: Int, used: [Range<Int>]) {
    var end = 0
    for range in used {
      if end < range.lowerBound { free.append(end..<range.lowerBound) }
      end = range.upperBound
    }
    if end < capacity { free.append(end..<capacity) }
  }

  /// The first run that is long enough.
  mutating func take(_ count: Int) -> Range<Int>? {
    if count == 0 { return 0..<0 }
    guard let place = free.firstIndex(where: { $0.count >= count }) else { return nil }
    let range = free[place].prefix(count)
    if range.count == free[place].count { free.remove(at: place) } else { free[place] = free[place].dropFirst(count) }
    return range
  }

  mutating func retire(_ range: Range<Int>) { if !range.isEmpty { retired.append(range) } }

  /// After a grace period: nobody looks at what was freed before.
  mutating func release() {
    guard !retired.isEmpty else { return }
    let all = (free + retired).sorted { $0.lowerBound < $1.lowerBound }
    retired.removeAll()
    free.removeAll(keepingCapacity: true)
    for range in all {
      if let last = free.last, last.upperBound == range.lowerBound {
        free[free.count - 1] = last.lowerBound..<range.upperBound
      } else {
        free.append(range)
      }
    }
  }
}
