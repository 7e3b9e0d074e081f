import Glibc

/// An address and port to connect to.
struct SocketAddress: Sendable {
  private var storage: sockaddr_storage
  private let length: socklen_t

  init?(_ address: UnsafePointer<sockaddr>?, length: socklen_t) {
    guard let address, length <= MemoryLayout<sockaddr_storage>.size else { return nil }
    storage = sockaddr_storage()
    self.length = length
    withUnsafeMutableBytes(of: &storage) {
      $0.copyMemory(from: UnsafeRawBufferPointer(start: address, count: Int(length)))
    }
  }

  var family: CInt { CInt(storage.ss_family) }

  func withPointer<R>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
    withUnsafePointer(to: storage) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
    }
  }

  /// The address alone, in figures.
  var host: String {
    var buffer = [CChar](repeating: 0, count: Int(NI_MAXHOST))
    let result = withPointer { getnameinfo($0, $1, &buffer, socklen_t(buffer.count), nil, 0, NI_NUMERICHOST) }
    guard result == 0 else { return "?" }
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// The families by turns, beginning with that of the first address (RFC 8305, section 4).
  static func alternating(_ addresses: [SocketAddress]) -> [SocketAddress] {
    guard let first = addresses.first else { return [] }
    let same = addresses.filter { $0.family == first.family }
    let other = addresses.filter { $0.family != first.family }
    var result: [SocketAddress] = []
    for index in 0..<max(same.count, other.count) {
      if index < same.count { result.append(same[index]) }
      if index < other.count { result.append(other[index]) }
    }
    return result
  }
}
