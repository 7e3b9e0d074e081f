import Cluster
import ClusterModel
import Lab
import Netlink
import NetworkReport
import Synchronization

/// A running cluster as the report measures it.
final class ClusterNetwork: MeasuredNetwork {
  let summary: ClusterSummary
  let targets: ReportTargets
  let initialBackend: String
  private let cluster: RunningCluster
  private let stop: StopRequest
  private let started = Mutex<[LabProcess]>([])

  /// - Throws: what the cluster lacks: the report needs two nodes with a pod each that has no program, and the application.
  init(_ cluster: RunningCluster, stop: StopRequest) throws(MeasuringError) {
    let layout = cluster.layout
    self.cluster = cluster
    self.stop = stop
    summary = ClusterSummary(layout, name: cluster.name)
    targets = try ReportTargets(layout, ingressHosts: cluster.ingressHosts)
    initialBackend = layout.podNetwork.backend.name
  }

  func run(
    _ host: String, _ arguments: [String], input: [UInt8], timeout: Duration
  ) throws(MeasuringError) -> CommandOutput {
    do {
      let etc = try cluster.etcFolder(of: host)
      return try cluster.inside(host) {
        try InterruptibleCommand.run(arguments, input: input, etc: etc, timeout: timeout, stop: stop)
      }
    } catch { throw MeasuringError("\(host): \(error)") }
  }

  func start(_ host: String, _ arguments: [String]) throws(MeasuringError) -> BackgroundProgram {
    let number = started.withLock { $0.count }
    do throws(ClusterError) {
      let process = try cluster.spawn(host, arguments, name: "report-\(number)")
      started.withLock { $0.append(process) }
    } catch { throw MeasuringError("\(error)") }
    return BackgroundProgram(number: number)
  }

  func stop(_ program: BackgroundProgram) {
    if let process = started.withLock({ $0.indices.contains(program.number) ? $0[program.number] : nil }) {
      cluster.stop(process)
    }
  }

  func switchBackend(to backend: String) throws(MeasuringError) {
    let wanted: FlannelConfiguration.Backend
    switch (backend, cluster.layout.podNetwork.backend) {
    case ("host-gw", _): wanted = .hostGateway
    case ("vxlan", .vxlan(let own)): wanted = .vxlan(own)
    case ("vxlan", _): wanted = .vxlan(.init())
    default: throw MeasuringError("The backend '\(backend)' is none of vxlan and host-gw.")
    }
    try onCluster { () throws(ClusterError) in try cluster.switchBackend(to: wanted) }
  }

  func serve(_ services: [ServicePort], by datapath: ServiceDatapath) throws(MeasuringError) {
    try onCluster { () throws(ClusterError) in
      switch datapath {
      case .own: try cluster.serve(beside: services)
      case .none: try cluster.stopServing()
      }
    }
  }

  private func onCluster(_ body: () throws(ClusterError) -> Void) throws(MeasuringError) {
    do { try body() } catch { throw MeasuringError("\(error)") }
  }
}

extension ClusterSummary {
  fileprivate init(_ layout: ClusterLayout, name: String) {
    self.init(
      name: name, isLab: true, podNetwork: layout.podNetwork.ipv4.map { "\($0.prefix)" } ?? "",
      nodes: layout.nodes.map { Node(name: $0.name, address: "\($0.address)", podSubnet: "\($0.podSubnet)") },
      pods: layout.pods.map { Pod(name: $0.name, node: $0.node, address: "\($0.address)") },
      services: layout.services.map {
        Service(
          name: "\($0.name)", clusterIP: "\($0.clusterIP)", port: Int($0.port), nodePort: $0.nodePort.map(Int.init),
          endpoints: $0.endpoints.count)
      })
  }
}

extension ReportTargets {
  /// The application is the service that port 8000 of a web application stands behind; see `svs cluster example`.
  fileprivate init(_ layout: ClusterLayout, ingressHosts: [String]) throws(MeasuringError) {
    let idle = layout.pods.filter { $0.programs.isEmpty }
    guard let client = idle.first, let server = idle.first(where: { $0.node != client.node }) else {
      throw MeasuringError(
        "The report needs two pods without programs on two nodes, as the Deployment 'centos-perf' of 'svs cluster "
          + "example' makes them; this cluster has \(idle.count) on \(Set(idle.map(\.node)).count).")
    }
    guard let application = layout.application else {
      throw MeasuringError(
        "The report needs a service of the web application, as 'sample-webapp' of 'svs cluster example' is one.")
    }
    func node(_ name: String) throws(MeasuringError) -> Host {
      guard let node = layout.nodes.first(where: { $0.name == name }) else {
        throw MeasuringError("There is no node \(name).")
      }
      return Host(node.name, node.address.address)
    }
    let (clientNode, serverNode) = (try node(client.node), try node(server.node))
    self.init(
      accesses: Self.accesses(
        layout, application, ingressHosts: ingressHosts, node: clientNode.name, pod: client.name),
      clientNode: clientNode, serverNode: serverNode, clientPod: Host(client.name, client.address),
      serverPod: Host(server.name, server.address), spareServiceAddresses: try layout.spareServiceAddresses(),
      podNetwork: layout.podNetwork.ipv4?.prefix ?? IPPrefix.everything(.ipv4),
      serviceNetwork: layout.serviceNetwork,
      podsOfNodes: Dictionary(grouping: layout.pods, by: \.node).mapValues { Set($0.map(\.address)) },
      locust: Self.locust(layout, application), clusterServices: layout.services)
  }

  /// The Locust master, where it has a pod; see `svs cluster example`.
  private static func locust(_ layout: ClusterLayout, _ application: ServicePort) -> Locust? {
    let workers = layout.services.first { $0.name.service == "locust-master" && $0.port == 5557 }
    guard let master = workers?.endpoints.first, let node = layout.nodes.last?.address.address,
      let pod = layout.pods.first(where: { $0.address == master.address })
    else { return nil }
    return Locust(
      host: pod.name, address: master.address, port: master.port,
      web: Access(.outsideByIngress, from: layout.outside.name, url: "http://locust.test.com/", address: node),
      applicationURL: "http://\(application.name.service):\(application.port)")
  }

  private static func accesses(
    _ layout: ClusterLayout, _ application: ServicePort, ingressHosts: [String], node: String, pod: String
  ) -> [Access] {
    let name = application.name.service
    var accesses = [
      Access(.nodeByClusterIP, from: node, url: "http://\(application.clusterIP):\(application.port)/"),
      Access(.podByServiceName, from: pod, url: "http://\(name):\(application.port)/"),
    ]
    let entry = layout.services.first { $0.nodePort == 80 && !$0.endpoints.isEmpty }
    let node = layout.nodes.last?.address.address
    // The rule of the application is the one whose host is called as the service is.
    let host = ingressHosts.first { $0 == name || $0.hasPrefix("\(name).") }
    if entry != nil, let node, let host {
      accesses.append(
        Access(.outsideByIngress, from: layout.outside.name, url: "http://\(host)/", address: node))
    }
    if let port = application.nodePort, let node {
      accesses.append(Access(.outsideByNodePort, from: layout.outside.name, url: "http://\(node):\(port)/"))
    }
    return accesses
  }
}

extension ClusterLayout {
  /// The port behind which the web application's pods are.
  fileprivate var application: ServicePort? {
    let served = Set(
      pods.flatMap { pod in
        pod.programs.compactMap { program -> Endpoint? in
          guard case .webApp(let port) = program.kind else { return nil }
          return Endpoint(pod.address, port: port)
        }
      })
    return services.first { $0.transport == .tcp && $0.endpoints.contains(where: served.contains) }
  }

  /// A /18 of the services' network that no service has an address in.
  fileprivate func spareServiceAddresses() throws(MeasuringError) -> IPPrefix {
    let length = UInt8(18)
    guard serviceNetwork.address.family == .ipv4, serviceNetwork.length < length else {
      throw MeasuringError("The report needs 16,384 spare cluster IPs; the services' network is \(serviceNetwork).")
    }
    let count = UInt32(1) << UInt32(length - serviceNetwork.length)
    for number in (0..<count).reversed() {
      let part = IPPrefix(serviceNetwork.host(number << 14), length: length)
      if !part.contains(resolver), !services.contains(where: { part.contains($0.clusterIP) }) { return part }
    }
    throw MeasuringError("The services' network \(serviceNetwork) has no 16,384 cluster IPs in a row that are free.")
  }
}
