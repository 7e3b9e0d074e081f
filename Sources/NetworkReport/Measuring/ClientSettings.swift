import Measurement

/// How the kernel is set where requests begin, while a report measures.
///
/// Whoever closes a connection first keeps its port in TIME_WAIT for a minute. A client that opens tens of thousands of
/// connections a second has soon none of its 28,232 ports left, and then searches for milliseconds in each connect():
/// rounds would measure how many connections the rounds before them had.
final class ClientSettings {
  private let network: any MeasuredNetwork
  /// What was found, in the order in which it was changed.
  private var changed: [(host: String, file: Sysctl, before: String)] = []
  private(set) var settings: [HostSetting] = []
  /// What could not be set, as sentences for the report.
  private(set) var warnings: [String] = []

  init(_ network: any MeasuredNetwork) { self.network = network }

  private struct Sysctl {
    var name: String
    var value: String
    var path: String { "/proc/sys/" + name.split(separator: ".").joined(separator: "/") }
  }

  /// A port in TIME_WAIT is taken again for the same server after a second, by the timestamps of TCP: Linux,
  /// Documentation/networking/ip-sysctl.rst.
  private static let reuse = Sysctl(name: "net.ipv4.tcp_tw_reuse", value: "1")
  /// Two ends of different parity, as the kernel wants them.
  private static let ports = Sysctl(name: "net.ipv4.ip_local_port_range", value: "10000 65535")

  /// Sets what is to be set on all hosts from which many connections are opened.
  func make() {
    for host in hosts {
      set(Self.reuse, on: host)
      // On a node the range would hold the node ports, which no connection of its own may begin from; and it opens few.
      if ![network.targets.clientNode.name, network.targets.serverNode.name].contains(host) {
        set(Self.ports, on: host)
      }
    }
  }

  private var hosts: [String] {
    let targets = network.targets
    var hosts: [String] = []
    for host in targets.accesses.map(\.host) + [targets.clientPod.name] + [targets.locust?.host].compactMap(\.self)
    where !hosts.contains(host) { hosts.append(host) }
    return hosts
  }

  private func set(_ file: Sysctl, on host: String) {
    do throws(MeasuringError) {
      let found = try network.run(host, ["cat", file.path], timeout: Self.patience)
      guard found.succeeded else { throw MeasuringError(found.complaint) }
      let before = found.output.split(whereSeparator: \.isWhitespace).joined(separator: " ")
      // Nothing is changed that could not be put back.
      guard (1...20).contains(before.utf8.count), before.allSatisfy({ $0.isNumber || $0 == " " }) else {
        throw MeasuringError("its value could not be read")
      }
      try write(file.value, file, host)
      changed.append((host, file, before))
      note(HostSetting(name: file.name, value: file.value, valueBefore: before, hosts: [host]))
    } catch {
      warnings.append(
        "\(file.name) could not be set to \(file.value) on \(host): \(error). Where many connections are opened, later "
          + "rounds may find no free port soon enough.")
    }
  }

  private func note(_ setting: HostSetting) {
    let same = settings.firstIndex {
      $0.name == setting.name && $0.value == setting.value && $0.valueBefore == setting.valueBefore
    }
    if let same { settings[same].hosts += setting.hosts } else { settings.append(setting) }
  }

  private func write(_ value: String, _ file: Sysctl, _ host: String) throws(MeasuringError) {
    let output = try network.run(host, ["tee", file.path], input: Array(value.utf8), timeout: Self.patience)
    guard output.succeeded else { throw MeasuringError(output.complaint) }
  }

  /// Puts back what was found; backwards, for two hosts may share what is set.
  func putBack() -> [MeasurementFailure] {
    defer { changed = [] }
    return changed.reversed().compactMap { host, file, before in
      do throws(MeasuringError) {
        try write(before, file, host)
        return nil
      } catch {
        return MeasurementFailure(
          measurement: "return of \(file.name) on \(host) to \(before)", reason: "\(error)")
      }
    }
  }

  private static let patience = Duration.seconds(5)
}
