import KernelDirector
import Simulation
import VirtualServer

extension Decision {
  /// When, what, where to and why, as one line.
  var line: String {
    var packet = "\(source.text) -> \(destination.text) \(transport.name)"
    if transport == .tcp { packet += " " + (flags.names.isEmpty ? "no flags" : flags.names) }
    if transport == .sctp { packet += " " + saying }
    if mark != 0 { packet += " mark \(mark)" }
    return "\(seconds)  \(packet)  \(result)  \(why)"
  }

  var seconds: String {
    let milliseconds = String(time % 1_000_000_000 / 1_000_000)
    return "\(time / 1_000_000_000).\(String(repeating: "0", count: 3 - milliseconds.count) + milliseconds)".leftPadded(
      9)
  }

  /// Where the packet went.
  var result: String {
    switch outcome {
    case .forwarded where isFromServer: "back to the client"
    case .forwarded:
      "=> \(server?.text ?? "?")" + (method.map { " (\($0.name)\(local.map { " as \($0.text)" } ?? ""))" } ?? "")
    case .answered: "answered by ICMP"
    case .dropped: "dropped"
    case .passed: "passed to the kernel"
    }
  }

  var why: String {
    let notes = events.isEmpty ? "" : " [\(events.joined(separator: ", "))]"
    switch reason {
    case .connection(let before):
      return "connection, \(before.stateName)\(state.map { " -> \($0.listed)" } ?? "")" + notes
    case .template: return "new: persistence template" + notes
    case .scheduler: return "new: \(choice)" + notes
    case .none:
      if service == nil { return (isChoice ? "" : "no connection, and nothing it could open") + notes }
      return "\(settings?.scheduler ?? "?") has no server for it" + notes
    }
  }

  /// The scheduler, and what it compared.
  private var choice: String {
    let scheduler = settings?.scheduler ?? "?"
    guard let chosen = candidates.first(where: \.isChosen) else { return scheduler }
    guard let overhead = chosen.overhead else {
      return scheduler + (settings.map(flagNames) ?? "") + ", weight \(chosen.weight)"
    }
    return "\(scheduler), overhead \(overhead), weight \(chosen.weight)"
  }

  private func flagNames(_ settings: ServiceSettings) -> String {
    guard settings.scheduler == "sh" || settings.scheduler == "mh" else { return "" }
    var names: [String] = []
    if settings.schedulerFlags & 1 != 0 { names.append("\(settings.scheduler)-fallback") }
    if settings.schedulerFlags & 2 != 0 { names.append("\(settings.scheduler)-port") }
    return names.isEmpty ? "" : " (\(names.joined(separator: ",")))"
  }

  /// A line for each server as it stood before the choice.
  var candidateLines: [String] {
    let width = candidates.map(\.server.text.count).max() ?? 0
    return candidates.map { $0.line(width) }
  }
}

extension Decision.Candidate {
  func line(_ width: Int) -> String {
    var text =
      "\(isChosen ? "*" : " ") \(server.text.padded(width))  weight \(weight)  active \(active)  inactive \(inactive)"
    if let overhead { text += "  overhead \(overhead)" }
    if weight == 0 { text += "  quiesced" }
    if isOverloaded { text += "  overloaded" }
    return text
  }
}

extension TransportProtocol {
  var name: String {
    switch self {
    case .tcp: "tcp"
    case .udp: "udp"
    case .sctp: "sctp"
    }
  }
}

extension ForwardingMethod {
  /// As listings name it.
  var name: String {
    switch self {
    case .nat: "Masq"
    case .direct: "Route"
    case .tunnel: "Tunnel"
    case .fullNAT: "FullNat"
    }
  }
}

extension ConnectionSnapshot {
  var stateName: String {
    if case .template = state { return "template" }
    return state.listed
  }
}

extension ServiceIdentity {
  /// As ipvsadm takes it.
  var words: String {
    switch self {
    case .address(.tcp, let endpoint): "-t \(endpoint.text)"
    case .address(.udp, let endpoint): "-u \(endpoint.text)"
    case .address(.sctp, let endpoint): "--sctp-service \(endpoint.text)"
    case .mark(let mark, let family): "-f \(mark)" + (family == .ipv6 ? " -6" : "")
    }
  }
}
