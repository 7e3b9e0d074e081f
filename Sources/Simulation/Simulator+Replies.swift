import Dataplane
import DataplaneSimulation
import DataplaneTypes
import KernelDirector

extension Simulator {
  /// The server of a client's connection where its replies come by the director: nil without one, and under DR and TUN.
  func natServer(of transport: TransportProtocol, _ client: Endpoint, _ vip: Endpoint) -> Endpoint? {
    let key = svs_flow_key(
      src: client.address.record, dst: vip.address.record, sport: client.port.bigEndian, dport: vip.port.bigEndian,
      proto: transport.rawValue, family: client.address.family.rawValue)
    guard let found = director.state.flows.find(key) else { return nil }
    let reference = FlowReference(found.pointee)
    guard !reference.fromServer, let connection = director.state.connections.find(reference.slot),
      connection.pointee.method == ForwardingMethod.nat.rawValue, connection.pointee.word != 0
    else { return nil }
    return director.connection(at: reference.slot)?.destination
  }

  /// Whether a client of this flow has a connection, by whatever method.
  func hasConnection(_ transport: TransportProtocol, _ client: Endpoint, _ vip: Endpoint) -> Bool {
    let key = svs_flow_key(
      src: client.address.record, dst: vip.address.record, sport: client.port.bigEndian, dport: vip.port.bigEndian,
      proto: transport.rawValue, family: client.address.family.rawValue)
    return director.state.flows.find(key).map { !FlowReference($0.pointee).fromServer } ?? false
  }
}
