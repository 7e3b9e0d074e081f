import Dataplane
import DataplaneSimulation
import DataplaneTypes
import KernelDirector

/// What could be seen of a packet's way along the steps of the packet path.
struct Observed {
  var outcome = Decision.Outcome.passed
  /// The connection that it belonged to, before it.
  var before: ConnectionSnapshot?
  var isFromServer = false
  /// The number of the service that it was to open a connection to.
  var service: UInt32?
  var isOpening = false
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
      case .redirect: .forwarded
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
      case .open:
        next = path.open(&packet, p)
        if next == .persist || next == .schedule { note(service: p.pointee.service, &observed) }
      case .persist:
        next = path.persist(p)
        observed.isByTemplate = next == .enter
      case .schedule: next = path.schedule(p)
      case .enter:
        let choice = p.pointee.choice
        next = path.enter(p)
        observed.isOpening = next == .route
        if observed.isOpening { note(server: choice &- 1, p.pointee.reference, &observed) }
      case .route:
        next = path.route(p)
        let way = p.pointee.way
        if way.kind == .redirect || way.kind == .handover || way.kind == .fragmenting {
          observed.way = Decision.Way(
            interface: way.hop.ifindex,
            nextHop: way.nextHopFamily == 0 ? nil : IPAddress(record: way.nextHop, family: way.nextHopFamily),
            isResolved: way.kind != .handover)
        }
      case .forward: next = path.forward(&packet, p)
      case .answer: next = path.answer(&packet, p)
      }
    }
  }

  private func look(for flow: svs_flow_key, _ observed: inout Observed) {
    guard let found = state.flows.find(flow) else { return }
    let reference = FlowReference(found.pointee)
    guard let connection = state.connections.find(reference.slot), connection.pointee.word != 0 else { return }
    observed.before = ConnectionSnapshot(
      connection.pointee, now: UInt32(truncatingIfNeeded: state.clock >> UInt64(SVS_TICK_SHIFT)))
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
    var next = service.pointee.first
    while next != 0, let server = state.servers.find(next &- 1) {
      var comparing = Comparing(platform: MemoryPlatform(state), service: service, server: server, index: next)
      observed.candidates.append(
        CandidateView(
          number: next - 1, weight: UInt32(max(server.pointee.weight, 0)), active: server.pointee.active,
          inactive: server.pointee.inactive,
          overhead: Schedulers.visit(service.pointee.scheduler, &comparing) ?? nil,
          isOverloaded: server.pointee.overloaded != 0))
      next = server.pointee.next
    }
  }
}

/// Has a scheduler look at one server alone, and reads what it would compare with others'.
private struct Comparing: SchedulerVisitor {
  let platform: MemoryPlatform
  let service: UnsafeMutablePointer<svs_service>
  let server: UnsafeMutablePointer<svs_server>
  let index: UInt32

  /// The schedulers whose walk keeps the load of the best server so far; others keep their own numbers there.
  private static let comparing: Set<String> = ["lc", "wlc", "sed", "nq", "lblc", "lblcr", "twos"]

  mutating func visit<S: Scheduler>(_: S.Type) -> UInt64? {
    guard Self.comparing.contains(S.name.description) else { return nil }
    var walk = ServerWalk(platform, S.number, service, from: 0)
    _ = S.consider(server, index, &walk)
    return walk.best == index ? walk.load : nil
  }
}
