/// Indices of a table's records: which are free, and which were freed but may still be looked at.
struct Numbers {
  /// From here on none was ever used.
  private var fresh: UInt32
  private let capacity: UInt32
  private var free: [UInt32] = []
  private var retired: [UInt32] = []

  /// - Parameter used: whether a record is in use; asked once for each.
  init(capacity: Int, isUsed: (UInt32) -> Bool) {
    self.capacity = UInt32(capacity)
    var end = UInt32(0)
    for number in 0..<UInt32(capacity) where isUsed(number) {
      free.append(contentsOf: end..<number)
      end = number + 1
    }
    fresh = end
    free.reverse()
  }

  var available: Int { free.count + Int(capacity - fresh) }

  mutating func take() -> UInt32? {
    if let number = free.popLast() { return number }
    guard fresh < capacity else { return nil }
    defer { fresh += 1 }
    return fresh
  }

  mutating func retire(_ number: UInt32) { retired.append(number) }

  /// After a grace period: nobody looks at what was freed before.
  mutating func release() {
    free.append(contentsOf: retired)
    retired.removeAll()
  }
}
