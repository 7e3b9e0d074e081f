import FoundationEssentials
import HostSystem
import Measurement

/// Looks at the machine before anything is measured on it.
struct EnvironmentSurvey {
  let network: any MeasuredNetwork
  let setting: ReportRunner.Setting
  let stop: StopRequest

  /// More than this of the machine busy with other things is seen in the figures.
  static let busyShareToWarnOf = 0.1

  var result: RunEnvironment {
    let here = MeasuringEnvironment.here
    var result = RunEnvironment(
      machineName: here.host, kernel: here.kernel, architecture: here.architecture, processorModel: here.processor,
      processors: here.processors, memoryBytes: memory, congestionControl: here.congestionControl,
      started: RunClock().started, loadAverages: loadAverages, busyShareAtStart: busyShare, versions: versions)
    let targets = network.targets
    var hosts: [String] = []
    for host in [targets.clientNode, targets.serverNode, targets.clientPod, targets.serverPod].map(\.name)
    where !hosts.contains(host) { hosts.append(host) }
    result.interfaces = hosts.flatMap(interfaces)
    result.warnings = warnings(result)
    return result
  }

  private func warnings(_ environment: RunEnvironment) -> [String] {
    var warnings: [String] = []
    if let share = environment.busyShareAtStart, share > Self.busyShareToWarnOf {
      warnings.append(
        "The machine was busy before the run: \(Figures.percent(share)) of its processors' time went to other things, "
          + "which are in every figure.")
    }
    if let load = environment.loadAverages.first, load > Double(environment.processors) {
      warnings.append(
        "In the minute before the run \(Figures.significant(load)) processes wanted to run on average, on "
          + "\(environment.processors) processors.")
    }
    if environment.processors < 2 {
      warnings.append("There is one processor: client, server and network take its time from each other.")
    }
    // The director's own pair, svs0 and svs1, has none on purpose; what comes from outside passes it, and no transfer.
    let without = environment.interfaces.filter {
      $0.kind == "veth" && !$0.name.hasPrefix("svs") && !$0.activeOffloads.isEmpty
        && !$0.activeOffloads.contains("tcp-segmentation-offload")
    }
    if !without.isEmpty {
      let names = without.map { "\($0.name) of \($0.host)" }.joined(separator: ", ")
      warnings.append("TCP segmentation offload is off at \(names): throughput is a fraction of what it would be.")
    }
    return warnings
  }

  private var busyShare: Double? {
    guard let before = try? network.processorTimes(), stop.rest(.milliseconds(400)) else { return nil }
    return (try? network.processorTimes())?.since(before).busyShare
  }

  private var loadAverages: [Double] {
    let text = (try? Files.text("/proc/loadavg")) ?? ""
    return text.split(separator: " ").prefix(3).compactMap { Double($0) }
  }

  private var memory: UInt64? {
    let lines = ((try? Files.text("/proc/meminfo")) ?? "").split(separator: "\n")
    let words = lines.first { $0.hasPrefix("MemTotal:") }?.split(separator: " ") ?? []
    return words.count > 1 ? UInt64(words[1]).map { $0 &* 1024 } : nil
  }

  private var versions: [String: String] {
    var versions = setting.versions
    versions["svs"] = Release.version
    let asked: [(String, [String])] = [("iproute2", ["ip", "-V"]), ("nft", ["nft", "--version"])]
    for (name, words) in asked {
      guard let output = try? network.run(network.targets.clientNode.name, words, timeout: .seconds(5)),
        output.succeeded, let line = output.output.split(separator: "\n").first
      else { continue }
      versions[name] = String(line.prefix(80))
    }
    return versions
  }

  private func interfaces(of host: String) -> [InterfaceSummary] {
    guard let output = try? network.run(host, ["ip", "-j", "-d", "link", "show", "up"], timeout: .seconds(5)),
      output.succeeded
    else { return [] }
    return InterfaceReading.interfaces(output.output, host: host).map { interface in
      var interface = interface
      let features = try? network.run(host, ["ethtool", "-k", interface.name], timeout: .seconds(5))
      if let features, features.succeeded { interface.activeOffloads = InterfaceReading.offloads(features.output) }
      return interface
    }
  }
}

/// What `ip -j -d link` and `ethtool -k` print.
enum InterfaceReading {
  static func interfaces(_ text: String, host: String) -> [InterfaceSummary] {
    guard let links = try? JSONDecoder().decode(LenientArray<Link>.self, from: Data(text.utf8)) else { return [] }
    return links.elements.filter { $0.ifname != "lo" }.map { link in
      InterfaceSummary(
        host: host, name: link.ifname, kind: link.linkinfo?.info_kind ?? "", mtuBytes: link.mtu?.count ?? 0)
    }
  }

  /// Those that can matter to a stream, in ethtool's words.
  private static let named: Set<Substring> = [
    "tcp-segmentation-offload", "generic-segmentation-offload", "generic-receive-offload", "tx-checksumming",
    "rx-checksumming", "scatter-gather", "tx-udp_tnl-segmentation", "rx-gro-list",
  ]

  static func offloads(_ text: String) -> [String] {
    text.split(separator: "\n").compactMap { line in
      let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
      guard words.count >= 2, words[0].last == ":", words[1] == "on" else { return nil }
      let name = words[0].dropLast()
      return named.contains(name) ? String(name) : nil
    }
  }

  private struct Link: Decodable, Sendable {
    var ifname: String
    var mtu: LenientNumber?
    var linkinfo: Info?
    struct Info: Decodable, Sendable { var info_kind: String? }
  }
}
