import Dataplane
import DataplaneSimulation
import DataplaneTypes
import KernelDirector

/// What could be seen of a packet's way along the steps of the packet path.
struct Observed {
  var outcome = Decision.Outcome.passed
  /// The connection that it belonged to, before it.
  var before: ConnectionSnapshot?
  /// Where it stands in the table.
  var slot: UInt32?
  var isFromServer = false
  /// The number of the service that it was to open a connection to.
  var service: UInt32?
  var isOpening = false
  var isAnswered = false
  var isByTemplate = false
  var isOnePacket = false
  var serverNumber: UInt32?
  var server: Endpoint?
  var candidates: [CandidateView] = []
  var events: [String] = []
  var way: Decision.Way?
}

/// A server's record as it was before the choice.
struct CandidateView {
  var number: UInt32
  var weight: UInt32
  var active: UInt32
  var inactive: UInt32
  var overhead: UInt64?
  var isOverloaded: Bool
}

/// Leads a packet along the packet path step by step and looks at what each of them leaves.
///
/// Nothing here decides anything: what is told are values that the steps read and wrote.
struct Trace {
  private let state: MemoryPlatform.State

  init(_ state: MemoryPlatform.State) { self.state = state }

  func run(_ packet: inout Packet, _ flow: svs_flow_key, ingress: UInt32, isFlow: Bool) -> Observed {
    var observed = Observed()
    if isFlow { look(for: flow, &observed) }
    let counted = Event.allCases.map { state.events.find($0.rawValue)?.pointee.packets ?? 0 }
    var passage = Passage()
    let verdict = withUnsafeMutablePointer(to: &passage) { p in
      lead(&packet, p, PacketPath(MemoryPlatform(state, ingress: ingress)), &observed)
    }
    for (event, before) in zip(Event.allCases, counted)
    where state.events.find(event.rawValue)?.pointee.packets != before {
      observed.events.append(event.name.description)
    }
    observed.outcome =
      switch verdict {
      case .pass: .passed
      case .transmit: .answered
      // Where the kernel sent the packet here, the answer goes back there.
      case .redirect: observed.isAnswered ? .answered : .forwarded
      case .drop, .aborted: .dropped
      }
    return observed
  }

  /// The steps in their order; a step that is new to the packet path has to be named here too.
  private func lead(
    _ packet: inout Packet, _ p: UnsafeMutablePointer<Passage>, _ path: PacketPath<MemoryPlatform>,
    _ observed: inout Observed
  ) -> Verdict {
    var next = path.receive(&packet, p)
    while true {
      switch next {
      case .aborted, .drop, .pass, .transmit, .redirect:
        return next.verdict
      case .relate: next = path.relate(&packet, p)
      case .crossError: next = path.crossError(&packet, p)
      case .revisit: next = path.revisit(&packet, p)
      case .follow: next = path.follow(&packet, p)
      case .open:
        next = path.open(&packet, p)
        if next == .persist || next == .schedule { note(service: p.pointee.service, &observed) }
      case .persist:
        next = path.persist(&packet, p)
        observed.isByTemplate = next == .enter
      case .schedule:
        var loads: [UInt32: UInt64] = [:]
        state.comparing = { loads[$0] = $1 }
        next = path.schedule(p)
        state.comparing = nil
        for position in observed.candidates.indices {
          if let load = loads[observed.candidates[position].number] { observed.candidates[position].overhead = load }
        }
      case .keep: next = path.keep(p)
      case .enter:
        let choice = p.pointee.choice
        next = path.enter(p)
        observed.isOpening = next == .route || next == .lease
        if observed.isOpening { note(server: choice &- 1, p.pointee.reference, &observed) }
      case .lease:
        next = path.lease(p)
        // With the way of an older connection it goes on at once.
        let isRouted = next == .amend || next == .forward
        observed.isOpening = next == .route || isRouted
        if isRouted {
          observed.way = Decision.Way(interface: p.pointee.way.hop.ifindex, nextHop: nil, isResolved: true)
        }
      case .route:
        next = path.route(&packet, p)
        let way = p.pointee.way
        if way.kind == .redirect || way.kind == .handover || way.kind == .fragmenting {
          observed.way = Decision.Way(
            interface: way.hop.ifindex,
            nextHop: way.nextHopFamily == 0 ? nil : IPAddress(record: way.nextHop, family: way.nextHopFamily),
            isResolved: way.kind != .handover)
        }
      case .amend: next = path.amend(&packet, p)
      case .forward: next = path.forward(&packet, p)
      case .cross: next = path.cross(&packet, p)
      case .emit:
        next = path.emit(&packet, p)
        // Cut, and counted, where the hand-over pair ends.
        if next == .redirect, p.pointee.way.kind == .fragmenting {
          observed.events.append(Event.fragmented.name.description)
        }
      case .answer:
        next = path.answer(&packet, p)
        observed.isAnswered = true
      }
    }
  }

  private func look(for flow: svs_flow_key, _ observed: inout Observed) {
    guard let found = state.flows.find(flow) else { return }
    let reference = FlowReference(found.pointee)
    guard let connection = state.connections.find(reference.slot), connection.pointee.word != 0 else { return }
    observed.before = ConnectionSnapshot(
      connection.pointee, now: UInt32(truncatingIfNeeded: state.clock >> UInt64(SVS_TICK_SHIFT)))
    observed.slot = reference.slot
    observed.isFromServer = reference.fromServer
    observed.serverNumber = connection.pointee.server
  }

  private func note(server number: UInt32, _ reference: FlowReference, _ observed: inout Observed) {
    observed.serverNumber = number
    guard let connection = state.connections.find(reference.slot) else { return }
    observed.server = Endpoint(
      IPAddress(record: connection.pointee.rip, family: connection.pointee.server_family),
      port: UInt16(bigEndian: connection.pointee.rport))
    // It stands in no table.
    observed.isOnePacket =
      reference.slot >= state.configuration.find(0)?.pointee.connection_capacity ?? 0
      && connection.pointee.word == 0
  }

  private func note(service number: UInt32, _ observed: inout Observed) {
    observed.service = number
    guard let service = state.serviceRecords.find(number) else { return }
    // It compares two that it draws, by lc's load.
    let drawsLots = service.pointee.scheduler == TwoChoices.number
    var next = service.pointee.first
    while next != 0, let server = state.servers.find(next &- 1) {
      observed.candidates.append(
        CandidateView(
          number: next - 1, weight: UInt32(max(server.pointee.weight, 0)), active: server.pointee.active,
          inactive: server.pointee.inactive,
          overhead: drawsLots ? Loads.Connections.load(server) : nil,
          isOverloaded: server.pointee.overloaded != 0))
      next = server.pointee.next
    }
  }
}
