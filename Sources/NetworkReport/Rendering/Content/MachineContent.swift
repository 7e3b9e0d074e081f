import Measurement

/// The machine, the cluster and the run: what the figures depend on beside the measured things.
struct MachineContent: Sendable {
  private let report: NetworkReport

  init(_ report: NetworkReport) { self.report = report }

  var section: ReportSection {
    var section = ReportSection(id: "machine", title: "Machine, cluster and run")
    if report.cluster.isLab {
      section.lead = [
        "The cluster was made of network namespaces of one machine: its nodes share the processors, and no wire is between "
          + "them. Ratios say more than absolute figures."
      ]
    }
    section.tables = [machine, nodes, pods, services, interfaces, time].compactMap { $0 }
    return section
  }

  private var machine: ReportTable {
    let environment = report.environment
    var table = ReportTable("Machine", [.text(""), .text("")])
    func add(_ name: String, _ value: String?) {
      guard let value, !value.isEmpty else { return }
      table.add([.init(name), .init(Legible.line(value, limit: 300))])
    }
    add("name", environment.machineName)
    add("processors", "\(environment.processors) × \(environment.processorModel) (\(environment.architecture))")
    add("memory", environment.memoryBytes.map { Cells.short(Double($0) / 1_073_741_824) + " GiB" })
    add("kernel", environment.kernel)
    add("congestion control", environment.congestionControl)
    add("started", environment.started)
    add("load before", environment.loadAverages.map { Cells.fixed($0, places: 2) }.joined(separator: ", "))
    add("busy before", environment.busyShareAtStart.map { Cells.share($0) })
    for (name, version) in environment.versions.sorted(by: { $0.key < $1.key }) {
      add(Legible.line(name, limit: 40), version)
    }
    for setting in environment.settings {
      let hosts = Legible.line(setting.hosts.joined(separator: ", "), limit: 120)
      let (value, before) = (Legible.line(setting.value, limit: 40), Legible.line(setting.valueBefore, limit: 40))
      add("set for the run", "\(Legible.line(setting.name, limit: 60)) = \(value) (else \(before)) on \(hosts)")
    }
    add("allotted", Cells.short(report.plan.allottedSeconds) + " s")
    return table
  }

  private var nodes: ReportTable? {
    guard !report.cluster.nodes.isEmpty else { return nil }
    var table = ReportTable(
      "Nodes; pod network \(Legible.line(report.cluster.podNetwork, limit: 60))", .detail,
      [.text("node"), .text("address"), .text("pods")])
    for node in report.cluster.nodes { table.add(texts(node.name, node.address, node.podSubnet)) }
    return table
  }

  private var pods: ReportTable? {
    guard !report.cluster.pods.isEmpty else { return nil }
    var table = ReportTable("Pods", .detail, [.text("pod"), .text("node"), .text("address")])
    for pod in report.cluster.pods { table.add(texts(pod.name, pod.node, pod.address)) }
    return table
  }

  private var services: ReportTable? {
    guard !report.cluster.services.isEmpty else { return nil }
    var table = ReportTable(
      "Services", .detail,
      [.text("service"), .text("ClusterIP"), .number("port"), .number("NodePort"), .number("endpoints")])
    for service in report.cluster.services {
      table.add(
        texts(service.name, service.clusterIP) + [
          .init("\(service.port)"), .init(service.nodePort.map { "\($0)" } ?? ""),
          .init(Cells.count(service.endpoints)),
        ])
    }
    return table
  }

  private var interfaces: ReportTable? {
    guard !report.environment.interfaces.isEmpty else { return nil }
    var table = ReportTable(
      "Interfaces of the hosts at the ends of the measured paths", .detail,
      [.text("host"), .text("interface"), .text("kind"), .number("MTU"), .text("offloads that are on")])
    for interface in report.environment.interfaces {
      table.add(
        texts(interface.host, interface.name, interface.kind) + [
          .init("\(interface.mtuBytes)"),
          .init(Legible.line(interface.activeOffloads.joined(separator: ", "))),
        ])
    }
    return table
  }

  private var time: ReportTable? {
    guard !report.phases.isEmpty else { return nil }
    var table = ReportTable("How the run spent its time", .detail, [.text("phase"), .number("seconds")])
    for phase in report.phases {
      table.add([.init(Legible.line(phase.name, limit: 60)), .init(Cells.fixed(phase.seconds, places: 1))])
    }
    table.add(["all", .init(Cells.fixed(report.phases.reduce(0) { $0 + $1.seconds }, places: 1))])
    return table
  }

  private func texts(_ cells: String...) -> [ReportTable.Cell] { cells.map { .init(Legible.line($0, limit: 300)) } }
}
