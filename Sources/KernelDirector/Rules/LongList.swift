import DataplaneTypes

/// What is known of a long list of servers, so that a change need not go along it.
struct LongList {
  /// From so many servers on.
  static let length: UInt32 = 32

  /// Records by where the servers stand.
  private(set) var numbers: [Endpoint: UInt32] = [:]
  /// Of a record, index + 1 of the one before it; none of the first.
  private(set) var previous: [UInt32: UInt32] = [:]
  /// How many servers have a weight.
  private(set) var weights: [Int32: Int] = [:]
  private var last: UInt32 = 0

  init() {}

  /// Adds the server that comes next in the list.
  mutating func append(_ number: UInt32, _ server: UnsafeMutablePointer<svs_server>) {
    if last != 0 { previous[number] = last }
    last = number + 1
    note(number, server)
  }

  /// A server came to the list's head.
  mutating func insert(_ number: UInt32, _ server: UnsafeMutablePointer<svs_server>) {
    if server.pointee.next != 0 { previous[server.pointee.next - 1] = number + 1 }
    note(number, server)
  }

  /// A server left the list, from behind another, index + 1, or from its head.
  mutating func remove(_ number: UInt32, _ server: UnsafeMutablePointer<svs_server>, behind before: UInt32) {
    numbers[server.endpoint] = nil
    previous[number] = nil
    if server.pointee.next != 0 { previous[server.pointee.next - 1] = before == 0 ? nil : before }
    forget(weight: server.pointee.weight)
  }

  mutating func weightChanged(from old: Int32, to new: Int32) {
    forget(weight: old)
    weights[new, default: 0] += 1
  }

  private mutating func note(_ number: UInt32, _ server: UnsafeMutablePointer<svs_server>) {
    numbers[server.endpoint] = number
    weights[server.pointee.weight, default: 0] += 1
  }

  private mutating func forget(weight: Int32) {
    guard let count = weights[weight] else { return }
    weights[weight] = count > 1 ? count - 1 : nil
  }
}
