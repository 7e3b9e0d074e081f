import Dataplane
import DataplaneTypes
import KernelDirector

extension Player {
  /// Plays a capture, at the times that it has.
  ///
  /// A packet from a VIP stands for the reply of whichever server the simulation chose: captures made beside the client
  /// do as well as such made at the director. Returns the packets of link types that are not understood.
  @discardableResult
  public mutating func play(capture bytes: [UInt8], name: String) throws(SimulationError) -> Int {
    do throws(CaptureReader.Malformed) {
      var reader = try CaptureReader(bytes)
      var last: UInt64?
      while let packet = try reader.next() {
        if let last, packet.time > last {
          simulator.advance(nanoseconds: min(packet.time - last, 366 * 86_400_000_000_000))
        }
        last = max(packet.time, last ?? 0)
        process(asReplied(packet.frame))
      }
      return reader.passedOver
    } catch {
      throw SimulationError(file: name, error.description)
    }
  }

  /// A VIP's packet to a client as the client's server sends it to the director; others as they are.
  private func asReplied(_ frame: [UInt8]) -> [UInt8] {
    guard frame.count >= 14 else { return frame }
    var seen = Frame()
    var copy = frame
    let isFlow = copy.withUnsafeMutableBytes { buffer in
      guard let base = buffer.baseAddress else { return false }
      return seen.parse(Packet(start: base, end: base + buffer.count)) == .flow
    }
    guard isFlow, let transport = TransportProtocol(rawValue: seen.flow.proto) else { return frame }
    let flow = seen.flow
    let vip = Endpoint(IPAddress(record: flow.src, family: flow.family), port: UInt16(bigEndian: flow.sport))
    let client = Endpoint(IPAddress(record: flow.dst, family: flow.family), port: UInt16(bigEndian: flow.dport))
    guard let ends = simulator.replyEnds(of: transport, client, vip) else { return frame }
    return FrameBuilder(transport, from: ends.server, to: ends.client, flags: seen.flags).bytes
  }
}
