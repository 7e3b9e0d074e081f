import KernelDirector

/// The order in which ipvsadm lists services and servers.
///
/// It compares numbers by the sign of a 32-bit difference. That is the usual order while they are less than 2^31
/// apart; beyond, the "greater" of two is the one that follows when counting round the circle: `200.0.0.1` comes
/// before `10.0.0.1`, `fd00::1` before `::`. Such an order may run in a circle, and then the result depends on how
/// one sorts (a merge sort here as there) and on what one starts from: for servers the store's order, which means
/// something; for services, whose order in a store means nothing, an order of their own.
enum ListingOrder {
  static func services(_ services: [ServiceSnapshot]) -> [ServiceSnapshot] {
    let keyed = services.map { (key: Key(of: $0.identity), item: $0) }
    return merged(keyed.sorted { Key.compareSigned($0.key, $1.key) < 0 }[...]).map(\.item)
  }

  static func servers(_ servers: [ServerSnapshot]) -> [ServerSnapshot] {
    merged(servers.map { (key: Key($0.endpoint), item: $0) }[...]).map(\.item)
  }

  /// A merge sort that halves as glibc's qsort(3) does and keeps equal items as they were.
  private static func merged<Item>(_ items: ArraySlice<(key: Key, item: Item)>) -> [(key: Key, item: Item)] {
    guard items.count > 1 else { return Array(items) }
    let middle = items.startIndex + items.count / 2
    let left = merged(items[..<middle])
    let right = merged(items[middle...])
    var result: [(key: Key, item: Item)] = []
    result.reserveCapacity(items.count)
    var (i, j) = (0, 0)
    while i < left.count, j < right.count {
      if Key.compare(left[i].key, right[j].key) <= 0 {
        result.append(left[i])
        i += 1
      } else {
        result.append(right[j])
        j += 1
      }
    }
    result += left[i...]
    result += right[j...]
    return result
  }
}

/// What is compared: mark, family and protocol, address, port.
private struct Key {
  var mark: UInt32 = 0
  var kind: UInt32 = 0
  var words: (UInt32, UInt32, UInt32, UInt32) = (0, 0, 0, 0)
  var port: UInt32 = 0

  init(_ endpoint: Endpoint) {
    let words = endpoint.address.words
    self.words = (
      UInt32(bigEndian: words.0), UInt32(bigEndian: words.1), UInt32(bigEndian: words.2), UInt32(bigEndian: words.3)
    )
    port = UInt32(endpoint.port)
  }

  init(mark: UInt32, family: IPAddress.Family) {
    self.mark = mark
    kind = UInt32(family.rawValue) << 8
  }

  init(of identity: ServiceIdentity) {
    switch identity {
    case .mark(let mark, let family):
      self.init(mark: mark, family: family)
    case .address(let transport, let endpoint):
      self.init(endpoint)
      kind = UInt32(endpoint.address.family.rawValue) << 8 | UInt32(transport.rawValue)
    }
  }

  /// By the sign of a difference that wraps.
  static func compare(_ a: Key, _ b: Key) -> Int32 {
    firstDifference(a, b) { Int32(bitPattern: $0 &- $1) }
  }

  /// Marks by value, all else by signed value: never in a circle.
  static func compareSigned(_ a: Key, _ b: Key) -> Int32 {
    if a.mark != b.mark { return a.mark < b.mark ? -1 : 1 }
    return firstDifference(a, b) { Int32(bitPattern: $0) < Int32(bitPattern: $1) ? -1 : 1 }
  }

  @inline(__always)
  private static func firstDifference(_ a: Key, _ b: Key, _ difference: (UInt32, UInt32) -> Int32) -> Int32 {
    if a.mark != b.mark { return difference(a.mark, b.mark) }
    if a.kind != b.kind { return difference(a.kind, b.kind) }
    if a.words.0 != b.words.0 { return difference(a.words.0, b.words.0) }
    if a.words.1 != b.words.1 { return difference(a.words.1, b.words.1) }
    if a.words.2 != b.words.2 { return difference(a.words.2, b.words.2) }
    if a.words.3 != b.words.3 { return difference(a.words.3, b.words.3) }
    return Int32(a.port) - Int32(b.port)
  }
}
