import Dataplane
import KernelDirector

/// What a simulation tells while it goes on.
public enum SimulationRecord: Sendable {
  case decision(Decision)
  /// What a line's ipvsadm printed.
  case output(String)
}

/// Plays scenarios and captures on a simulator.
public struct Player {
  public let simulator: Simulator
  /// Whether every packet is told, not only those that a server was looked for.
  public var tellsAll = false
  /// The latest port that a client used to a VIP.
  private var ports: [Way: UInt16] = [:]
  private let tell: (SimulationRecord) -> Void

  private struct Way: Hashable {
    var client: IPAddress
    var vip: Endpoint
    var transport: TransportProtocol
  }

  public init(_ simulator: Simulator, tell: @escaping (SimulationRecord) -> Void) {
    self.simulator = simulator
    self.tell = tell
  }

  /// Puts rules in place, as `ipvsadm -S` and `svs local-address save` print them: one command a line, `#` begins a
  /// comment line.
  public func enter(rules text: String, name: String) throws(SimulationError) {
    var number = 0
    for line in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
      number += 1
      var words = line.split { $0 == " " || $0 == "\t" }.map(String.init)
      if words.first == "ipvsadm" { words.removeFirst() }
      guard let first = words.first, !first.hasPrefix("#") else { continue }
      if first == "local-address" {
        // As 'svs local-address restore' takes them when the machine starts.
        if let complaint = simulator.localAddress(Array(words.dropFirst()), isRestoring: true) {
          throw SimulationError(file: name, line: number, complaint)
        }
        for remark in simulator.remarks() { tell(.output("\(name):\(number): \(remark)\n")) }
        continue
      }
      if first == "client-address" {
        if let complaint = simulator.clientAddress(Array(words.dropFirst())) {
          throw SimulationError(file: name, line: number, complaint)
        }
        continue
      }
      let (output, complaint) = simulator.ipvsadm(words)
      if let complaint { throw SimulationError(file: name, line: number, complaint) }
      if !output.isEmpty { tell(.output(output)) }
    }
  }

  public mutating func play(_ scenario: Scenario) throws(SimulationError) {
    for line in scenario.lines {
      switch line.event {
      case .wait(let time): simulator.advance(nanoseconds: time)
      case .ipvsadm(let words):
        let (output, complaint) = simulator.ipvsadm(words)
        if let complaint { throw SimulationError(file: scenario.name, line: line.number, complaint) }
        if !output.isEmpty { tell(.output(output)) }
      case .localAddress(let words):
        if let complaint = simulator.localAddress(words) {
          throw SimulationError(file: scenario.name, line: line.number, complaint)
        }
      case .sysctl(let name, let value):
        if let refusal = simulator.sysctl(name, value) {
          throw SimulationError(file: scenario.name, line: line.number, refusal)
        }
      case .traffic(let traffic):
        for number in 0..<traffic.times {
          if number > 0, traffic.interval > 0 { simulator.advance(nanoseconds: traffic.interval) }
          try play(traffic, number, scenario.name, line.number)
        }
      }
    }
  }

  private mutating func play(
    _ traffic: Scenario.Traffic, _ number: Int, _ file: String, _ line: Int
  ) throws(SimulationError) {
    let address = traffic.clients[number]
    let way = Way(client: address, vip: traffic.vip, transport: traffic.transport)
    let port: UInt16
    if let given = traffic.clientPort {
      port = given
    } else if traffic.verb == .open || traffic.verb == .syn {
      // The range that Linux takes ports from, as net.ipv4.ip_local_port_range has it.
      port = ports[way].map { $0 >= 60_999 ? 32_768 : $0 + 1 } ?? 32_768
    } else if let known = ports[way] {
      port = known
    } else {
      throw SimulationError(
        file: file, line: line, "\(address) has opened no connection to \(traffic.vip.text) that this could be of")
    }
    ports[way] = port
    let client = Endpoint(address, port: port)
    let talk = Talk(player: self, client: client, traffic: traffic)
    if traffic.transport == .sctp { return talk.associate() }
    if traffic.transport == .udp {
      talk.send([], payload: 64, isFirst: true)
      return
    }
    switch traffic.verb {
    case .syn: talk.send(.syn, isFirst: true)
    case .open:
      guard talk.send(.syn, isFirst: true) else { return }
      talk.reply([.syn, .ack])
      talk.send(.ack)
    case .data:
      talk.send(.ack, payload: 512, isFirst: true)
      talk.reply(.ack)
    case .close:
      talk.send([.fin, .ack], isFirst: true)
      talk.reply([.fin, .ack])
      talk.send(.ack)
    case .reset: talk.send(.rst, isFirst: true)
    }
  }

  fileprivate func tell(_ decision: Decision, isFirst: Bool) {
    if isFirst || tellsAll || decision.isChoice { tell(.decision(decision)) }
  }

  /// Lets the simulator decide on a packet of a capture.
  func process(_ frame: [UInt8], mark: UInt32 = 0) {
    guard let decision = simulator.process(frame, mark: mark) else { return }
    let isOfInterest = decision.isChoice || decision.events.contains { $0 != "icmp-error-forwarded" }
    if tellsAll || isOfInterest { tell(.decision(decision)) }
  }

  /// A client's packets to a VIP, and the replies to them.
  private struct Talk {
    let player: Player
    let client: Endpoint
    let traffic: Scenario.Traffic

    /// What an association's client says, and what it is answered (RFC 9260, section 5.1 and 9.2).
    func associate() {
      switch traffic.verb {
      case .syn: send([], chunk: SCTPChunk.initiation, payload: 16, isFirst: true)
      case .open:
        guard send([], chunk: SCTPChunk.initiation, payload: 16, isFirst: true) else { return }
        reply([], chunk: SCTPChunk.initiationAck, payload: 16)
        send([], chunk: SCTPChunk.cookieEcho, payload: 8)
        reply([], chunk: SCTPChunk.cookieAck)
      case .data:
        send([], chunk: SCTPChunk.data, payload: 512, isFirst: true)
        reply([], chunk: SCTPChunk.selectiveAck, payload: 12)
      case .close:
        send([], chunk: SCTPChunk.shutdown, payload: 4, isFirst: true)
        reply([], chunk: SCTPChunk.shutdownAck)
        send([], chunk: SCTPChunk.shutdownComplete)
      case .reset: send([], chunk: SCTPChunk.abort, isFirst: true)
      }
    }

    /// Whether it was forwarded.
    @discardableResult
    func send(
      _ flags: TCPFlags, chunk: UInt8 = SCTPChunk.initiation, payload: Int = 0, isFirst: Bool = false
    ) -> Bool {
      let frame = FrameBuilder(
        traffic.transport, from: client, to: traffic.vip, flags: flags, chunk: chunk, payload: payload)
      guard let decision = player.simulator.process(frame.bytes, mark: traffic.mark) else { return false }
      player.tell(decision, isFirst: isFirst)
      return decision.outcome == .forwarded
    }

    /// Sends a reply in the name of the client's server, where replies come by the director.
    func reply(_ flags: TCPFlags, chunk: UInt8 = SCTPChunk.initiation, payload: Int = 0) {
      guard let ends = player.simulator.replyEnds(of: traffic.transport, client, traffic.vip) else { return }
      let frame = FrameBuilder(
        traffic.transport, from: ends.server, to: ends.client, flags: flags, chunk: chunk, payload: payload)
      guard let decision = player.simulator.process(frame.bytes) else { return }
      player.tell(decision, isFirst: false)
    }
  }
}
