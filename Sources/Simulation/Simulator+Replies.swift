import Dataplane
import DataplaneSimulation
import DataplaneTypes
import KernelDirector

extension Simulator {
  /// From where to where the replies of a client's connection come by the director: nil without one, and under DR and
  /// TUN.
  func replyEnds(
    of transport: TransportProtocol, _ client: Endpoint, _ vip: Endpoint
  ) -> (server: Endpoint, client: Endpoint)? {
    let key = svs_flow_key(
      src: client.address.record, dst: vip.address.record, sport: client.port.bigEndian, dport: vip.port.bigEndian,
      proto: transport.rawValue, family: client.address.family.rawValue)
    guard let found = director.state.flows.find(key) else { return nil }
    let reference = FlowReference(found.pointee)
    guard !reference.fromServer, let connection = director.state.connections.find(reference.slot),
      connection.pointee.word != 0, let server = director.connection(at: reference.slot)?.destination
    else { return nil }
    switch ForwardingMethod(rawValue: connection.pointee.method) {
    case .nat: return (server, client)
    case .fullNAT:
      guard let exchange = director.state.exchanges.find(reference.slot)?.pointee else { return nil }
      let local = IPAddress(record: exchange.local, family: server.address.family.rawValue)
      return (server, Endpoint(local, port: UInt16(bigEndian: exchange.port)))
    default: return nil
    }
  }

  /// Whether a client of this flow has a connection, by whatever method.
  func hasConnection(_ transport: TransportProtocol, _ client: Endpoint, _ vip: Endpoint) -> Bool {
    let key = svs_flow_key(
      src: client.address.record, dst: vip.address.record, sport: client.port.bigEndian, dport: vip.port.bigEndian,
      proto: transport.rawValue, family: client.address.family.rawValue)
    return director.state.flows.find(key).map { !FlowReference($0.pointee).fromServer } ?? false
  }
}
