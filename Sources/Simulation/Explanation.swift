import Dataplane
import DataplaneSimulation
import DataplaneTypes
import KernelDirector

/// What the next packet of a flow would meet at the director of this network namespace.
public struct Explanation: Sendable {
  public var decision: Decision
  /// The connection that it belongs to already, and what is known of its server.
  public var connection: ConnectionSnapshot?

  /// Asks a copy of the director, so that nothing is changed; nil where there is no director.
  ///
  /// - Parameters:
  ///   - flags: of a TCP packet that would open a connection; ignored by UDP.
  ///   - mark: the firewall mark that the host's rules would give it.
  public static func of(
    _ transport: TransportProtocol, from client: Endpoint, to vip: Endpoint, mark: UInt32 = 0, at director: Director
  ) throws(DirectorError) -> Explanation? {
    try director.withCopy { copy throws(DirectorError) in
      guard let copy else { return nil }
      let simulator = Simulator(copy)
      let known = simulator.hasConnection(transport, client, vip)
      if known { simulator.forgetWay(transport, client, vip) }
      // Of a connection that stands, the next packet is data; else it would have to open one.
      let flags: TCPFlags = transport != .tcp ? [] : known ? .ack : .syn
      let chunk = known ? SCTPChunk.data : SCTPChunk.initiation
      let frame = FrameBuilder(
        transport, from: client, to: vip, flags: flags, chunk: chunk, payload: transport == .sctp ? 16 : 0)
      guard let decision = simulator.process(frame.bytes, mark: mark) else { return nil }
      var explanation = Explanation(decision: decision)
      if case .connection(let connection) = decision.reason { explanation.connection = connection }
      return explanation
    }
  }
}

extension Simulator {
  /// Makes a connection's next packet ask for its way, so that it is told.
  func forgetWay(_ transport: TransportProtocol, _ client: Endpoint, _ vip: Endpoint) {
    let key = svs_flow_key(
      src: client.address.record, dst: vip.address.record, sport: client.port.bigEndian, dport: vip.port.bigEndian,
      proto: transport.rawValue, family: client.address.family.rawValue)
    guard let found = director.state.flows.find(key),
      let connection = director.state.connections.find(FlowReference(found.pointee).slot)
    else { return }
    connection.pointee.to_server.kind_vlan = 0
    connection.pointee.to_client.kind_vlan = 0
  }
}
