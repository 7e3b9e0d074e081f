import KernelDirector
import Simulation
import VirtualServer

extension JSONValue {
  init(_ decision: Decision) {
    var members: [(String, JSONValue)] = [
      ("timeMicroseconds", .number(decision.time / 1000)), ("protocol", .string(decision.transport.name)),
      ("source", .string(decision.source.text)), ("destination", .string(decision.destination.text)),
    ]
    if decision.transport == .tcp { members.append(("flags", .string(decision.flags.names))) }
    if decision.transport == .sctp { members.append(("chunk", .string(decision.saying))) }
    if decision.mark != 0 { members.append(("mark", .number(UInt64(decision.mark)))) }
    members += [
      ("outcome", .string(decision.outcome.rawValue)), ("reason", .string(decision.reasonName)),
      ("service", decision.service.map { .string($0.words) } ?? .null),
      ("scheduler", decision.settings.map { .string($0.scheduler) } ?? .null),
      ("opensConnection", .bool(decision.isOpening)),
      ("server", decision.server.map { .string($0.text) } ?? .null),
      ("method", decision.method.map { .string($0.name) } ?? .null),
      ("local", decision.local.map { .string($0.text) } ?? .null),
      ("state", decision.state.map { .string($0.listed) } ?? .null),
      ("events", .array(decision.events.map { .string($0) })),
      ("candidates", .array(decision.candidates.map(JSONValue.init))),
    ]
    self = .object(members)
  }

  init(_ candidate: Decision.Candidate) {
    self = .object([
      ("server", .string(candidate.server.text)), ("weight", .number(UInt64(candidate.weight))),
      ("active", .number(UInt64(candidate.active))), ("inactive", .number(UInt64(candidate.inactive))),
      ("overhead", candidate.overhead.map { .number($0) } ?? .null), ("overloaded", .bool(candidate.isOverloaded)),
      ("chosen", .bool(candidate.isChosen)),
    ])
  }

  init(_ connection: ConnectionSnapshot) {
    self = .object([
      ("state", .string(connection.stateName)), ("server", .string(connection.destination.text)),
      ("expiresInSeconds", .number(UInt64(connection.expiresIn))),
      ("method", connection.method.map { .string($0.name) } ?? .null),
      ("local", connection.local.map { .string($0.text) } ?? .null),
    ])
  }
}

extension Decision {
  var reasonName: String {
    switch reason {
    case .connection: "connection"
    case .template: "template"
    case .scheduler: "scheduler"
    case .none: "none"
    }
  }
}
