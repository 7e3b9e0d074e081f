import Glibc
import Synchronization

@testable import Netlink

private let counter = Atomic<Int>(0)

/// A named namespace of the test's own, deleted when the value goes.
struct Scratch: ~Copyable {
  let name: String
  let namespace: NetworkNamespace

  init() throws(NetlinkError) {
    let number = counter.add(1, ordering: .relaxed).newValue
    name = "svsnl-\(getpid())-\(number)"
    namespace = try NetworkNamespace.create(name)
  }

  deinit { try? NetworkNamespace.delete(name) }

  func socket(_ family: NetlinkSocket.Family = .route) throws -> NetlinkSocket {
    try namespace.perform { () throws(NetlinkError) in try NetlinkSocket(family) }
  }
}

/// Two namespaces joined by a veth pair: a with 10.9.0.1 and fd09::1, b with 10.9.0.2 and fd09::2, all up.
struct Pair: ~Copyable {
  let a: Scratch
  let b: Scratch
  let aIndex: UInt32
  let bIndex: UInt32

  init() throws {
    let a = try Scratch()
    let b = try Scratch()
    let left = try a.socket()
    let right = try b.socket()
    try left.createLink("left", .veth(peer: "right", peerNamespace: b.namespace.descriptor))
    let aIndex = try left.interface(named: "left").index
    let bIndex = try right.interface(named: "right").index
    try left.setLink(aIndex, up: true)
    try right.setLink(bIndex, up: true)
    for (text, other) in [("10.9.0.1/24", "10.9.0.2/24"), ("fd09::1/64", "fd09::2/64")] {
      guard let mine = IPPrefix(text), let theirs = IPPrefix(other) else { fatalError("a literal address") }
      try left.addAddress(mine, interfaceIndex: aIndex)
      try right.addAddress(theirs, interfaceIndex: bIndex)
    }
    self.aIndex = aIndex
    self.bIndex = bIndex
    self.a = a
    self.b = b
  }
}

/// Asks until the answer is there or twenty seconds have passed.
func eventually(_ condition: () throws -> Bool) throws -> Bool {
  var now = timespec()
  clock_gettime(CLOCK_MONOTONIC, &now)
  let deadline = now.tv_sec + 20
  while now.tv_sec < deadline {
    if try condition() { return true }
    usleep(2000)
    clock_gettime(CLOCK_MONOTONIC, &now)
  }
  return try condition()
}
