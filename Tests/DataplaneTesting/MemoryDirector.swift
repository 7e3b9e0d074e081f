import Dataplane
import DataplaneSimulation
import DataplaneTypes

extension MemoryPlatform.State {
  /// Lets the director in memory decide on a frame; returns the verdict and the frame as it left.
  public func process(_ frame: [UInt8], ingress: UInt32 = 1) -> (Verdict, [UInt8]) {
    // Room before and after, as drivers leave it.
    let room = 256
    let buffer = UnsafeMutableRawPointer.allocate(byteCount: frame.count + 2 * room, alignment: 16)
    defer { buffer.deallocate() }
    buffer.initializeMemory(as: UInt8.self, repeating: 0xa5, count: frame.count + 2 * room)
    (buffer + room).copyMemory(from: frame, byteCount: frame.count)
    var packet = Packet(start: buffer + room, end: buffer + room + frame.count)
    let verdict = PacketPath(MemoryPlatform(self, ingress: ingress)).process(&packet)
    return (verdict, Array(UnsafeRawBufferPointer(start: packet.start, count: packet.count)))
  }

  /// Connections as texts that can be compared, sorted.
  public var connectionTexts: [String] {
    let used = min(runtime.find(0)?.pointee.fresh ?? 0, UInt32(connections.capacity))
    return (0..<used).compactMap { slot in
      connections.find(slot).flatMap { $0.pointee.word == 0 ? nil : describe($0.pointee) }
    }.sorted()
  }
}

/// A connection as a text: what it is and in which state, without the time.
public func describe(_ c: svs_connection) -> String {
  func hex(_ a: svs_addr) -> String {
    [a.w0, a.w1, a.w2, a.w3].map { String($0, radix: 16) }.joined(separator: ".")
  }
  return [
    String(c.proto), hex(c.client), String(c.cport), hex(c.vip), String(c.vport), hex(c.rip), String(c.rport),
    String(c.word & 0xff), String(c.method), String(c.control), String(c.server),
  ].joined(separator: " ")
}
