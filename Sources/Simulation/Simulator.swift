import Dataplane
import DataplaneSimulation
import DataplaneTypes
import KernelDirector
import VirtualServer

/// A director in memory that tells what it decides, and why.
public final class Simulator {
  public let director: SimulatedDirector
  private let start: UInt64
  private var interpreter: CommandInterpreter<Director, SystemNames, Transcript>

  /// - Parameter director: its rules and connections are where the simulation begins.
  public init(_ director: SimulatedDirector) {
    self.director = director
    start = director.state.clock
    let rules = director.rules
    interpreter = CommandInterpreter(program: "ipvsadm", names: SystemNames(), console: Transcript()) {
      () throws(DirectorError) in rules
    }
  }

  /// Nanoseconds since the simulation began.
  public var time: UInt64 { director.state.clock - start }

  public func advance(nanoseconds: UInt64) { director.advance(nanoseconds: nanoseconds) }

  /// Runs ipvsadm with these words; returns what it printed and, where it failed, its complaint.
  public func ipvsadm(_ words: [String]) -> (output: String, complaint: String?) {
    interpreter.console = Transcript()
    let status = interpreter.run(words)
    let console = interpreter.console
    let complaint = console.complaints.isEmpty ? "ipvsadm exits with \(status)" : console.complaints
    return (console.output, status == 0 ? nil : complaint)
  }

  /// Sets a knob, as `svs sysctl -w` does; returns why it cannot be set to that value, nil where it can.
  public func sysctl(_ name: String, _ value: String) -> String? {
    guard let knob = Knob.named(name) else { return "there is no knob \(name); 'svs sysctl' lists all" }
    do throws(DirectorError) {
      var knobs = try director.rules.knobs()
      if let refusal = knob.set(value, in: &knobs) { return refusal }
      try director.rules.setKnobs(knobs)
      return nil
    } catch { return error.sentence }
  }

  /// Runs `svs client-address` with these words, `set` first; returns its complaint, nil where it succeeded.
  public func clientAddress(_ words: [String]) -> String? {
    guard words.first == "set" else { return "client-address takes set, SERVICE and METHOD" }
    do throws(LocalAddressError) {
      let rule = try ClientAddressRule(words: words.dropFirst())
      do throws(DirectorError) { try director.rules.setDisclosure(rule.disclosure, of: rule.service) } catch {
        throw LocalAddressError(error)
      }
      return nil
    } catch { return error.description }
  }

  /// Runs `svs local-address` with these words, `add`, `set` or `del` first; returns its complaint, nil where it succeeded.
  ///
  /// - Parameter isRestoring: whether what other rules are in the way of is only remarked on, as when pools are restored.
  public func localAddress(_ words: [String], isRestoring: Bool = false) -> String? {
    guard let verb = words.first, ["add", "set", "del"].contains(verb) else {
      return "local-address takes add, set or del, and [SERVICE] ADDRESS[/LEN]"
    }
    do throws(LocalAddressError) {
      let rule = try LocalAddressRule(words: words.dropFirst())
      switch verb {
      case "add": try director.rules.add(rule, isRestoring: isRestoring)
      case "set": try director.rules.change(rule)
      default: try director.rules.remove(rule)
      }
      return nil
    } catch { return error.description }
  }

  /// What the director had to remark on what was done last.
  public func remarks() -> [String] { director.rules.takeRemarks() }

  /// Lets the director decide on a packet.
  ///
  /// - Parameter mark: what the host's firewall rules have marked the packet with.
  /// - Returns: nil for what has no ports: ICMP, ARP, fragments, and what is malformed.
  public func process(_ frame: [UInt8], mark: UInt32 = 0) -> Decision? {
    // Room before and after, as drivers leave it.
    let room = 256
    let buffer = UnsafeMutableRawPointer.allocate(byteCount: frame.count + 2 * room, alignment: 16)
    defer { buffer.deallocate() }
    buffer.initializeMemory(as: UInt8.self, repeating: 0, count: frame.count + 2 * room)
    (buffer + room).copyMemory(from: frame, byteCount: frame.count)
    var packet = Packet(start: buffer + room, end: buffer + room + frame.count)
    var seen = Frame()
    let isFlow = seen.parse(packet) == .flow || seen.parseAssociation(packet)
    var ingress = SimulatedDirector.interface
    // The director's own parser has found the addresses; where marks matter, the kernel's rules have had their turn.
    if isFlow, let family = IPAddress.Family(rawValue: seen.flow.family), director.hasMarkServices(family),
      let config = director.state.configuration.find(0)
    {
      ingress = config.pointee.lookup_ifindex
      let stamp = packet.start.assumingMemoryBound(to: svs_eth.self)
      stamp.pointee.src = svs_mac(
        a: UInt16(SVS_STAMP_FORWARDED), b: UInt16(mark & 0xffff), c: UInt16(mark >> 16))
    }
    let trace = Trace(director.state)
    let observed = trace.run(&packet, seen.flow, ingress: ingress, isFlow: isFlow)
    guard isFlow, let transport = TransportProtocol(rawValue: seen.flow.proto) else { return nil }
    return decision(observed, seen, transport, mark)
  }

  private func decision(
    _ observed: Observed, _ seen: Frame, _ transport: TransportProtocol, _ mark: UInt32
  ) -> Decision {
    let flow = seen.flow
    var decision = Decision(
      time: time, transport: transport,
      source: Endpoint(IPAddress(record: flow.src, family: flow.family), port: UInt16(bigEndian: flow.sport)),
      destination: Endpoint(IPAddress(record: flow.dst, family: flow.family), port: UInt16(bigEndian: flow.dport)),
      flags: seen.flags, mark: mark, outcome: observed.outcome)
    if transport == .sctp { (decision.flags, decision.chunk) = ([], seen.chunk) }
    decision.isFromServer = observed.isFromServer
    if var before = observed.before {
      before.local = observed.slot.flatMap { director.connection(at: $0)?.local }
      decision.reason = .connection(before)
    }
    if let service = observed.service {
      decision.service = director.identity(ofService: service)
      decision.settings = director.settings(ofService: service)
      decision.isOpening = observed.isOpening
      decision.reason = observed.isOpening ? (observed.isByTemplate ? .template : .scheduler) : .none
    }
    if let after = director.state.flows.find(flow), !observed.isOnePacket {
      let slot = UInt32(truncatingIfNeeded: after.pointee.bits >> 32)
      if let connection = director.connection(at: slot) {
        decision.server = connection.destination
        decision.local = connection.local
        if case .connection(let state) = connection.state { decision.state = state }
      }
    } else if observed.isOpening {
      decision.server = observed.server
    }
    if let number = observed.serverNumber { decision.method = director.settings(ofServer: number)?.method }
    decision.candidates = observed.candidates.map { view in
      Decision.Candidate(
        server: director.endpoint(ofServer: view.number) ?? Endpoint(decision.destination.address, port: 0),
        weight: view.weight, active: view.active, inactive: view.inactive, overhead: view.overhead,
        isOverloaded: view.isOverloaded, isChosen: observed.isOpening && observed.serverNumber == view.number)
    }
    decision.events = observed.events
    decision.way = observed.way
    return decision
  }
}

/// What ipvsadm prints, kept.
struct Transcript: Console {
  var output = ""
  var complaints = ""

  mutating func write(_ text: String) { output += text }
  mutating func complain(_ line: String) { complaints += (complaints.isEmpty ? "" : "; ") + line }
  mutating func read() -> [UInt8]? { nil }
}
