import ClusterModel
import HostSystem
import Lab
import Netlink
import ServiceTranslation
import Synchronization

/// What is done about once a second: services are put back where others took something away, and lead to pods that serve.
extension ServiceDataplane {
  /// Looks at everything, and mends what is not as it was made; while something is being changed it does nothing.
  func tend() {
    _ = changing.withLockIfAvailable { _ in
      release()
      guard let layout = parts.withLock({ $0.layout }) else { return }
      var failures: Set<String> = []
      func attempt(_ what: String, _ body: () throws -> [String]) {
        do {
          for fault in try body() { report("\(what): \(fault); it has been put back") }
        } catch { failures.insert("\(what): what others took away cannot be put back: \(error)") }
      }
      attempt("services") { try mendTranslator(layout) }
      let directors = parts.withLock { $0.directors }
      for director in directors { attempt(director.node) { try director.mend() } }
      let bridges = PodBridges(layout, lab: cluster)
      for node in layout.nodes {
        attempt(node.name) {
          guard let fault = try bridges.mend(node) else { return [] }
          // The director knows devices by their numbers.
          for director in directors where director.node == node.name { try director.lookAgain() }
          return [fault]
        }
      }
      attempt("services") {
        try follow(layout)
        return []
      }
      let known = parts.withLock { parts in
        defer { parts.failures = failures }
        return parts.failures
      }
      for failure in failures.subtracting(known).sorted() { report(failure) }
    }
  }

  /// Makes the translator anew where something of it is gone.
  private func mendTranslator(_ layout: ClusterLayout) throws -> [String] {
    guard let fault = translatorFault() else { return [] }
    try ServiceTranslator.remove(pinFolder: pinFolder)
    try makeTranslator()
    let (made, places) = parts.withLock { ($0.translator, $0.places) }
    do {
      for cookie in places { try made?.place(cookie: cookie) }
      try bring(layout)
    } catch {
      // Half of it would be taken for all: there is no file of this name.
      parts.withLock { _ = $0.pins.insert("") }
      throw error
    }
    return [fault]
  }

  private func translatorFault() -> String? {
    let (translator, pins) = parts.withLock { ($0.translator, $0.pins) }
    if translator == nil || pins.isSubset(of: Files.list(pinFolder)) { return nil }
    return "the hooks are gone by which programs reach services (\(pinFolder))"
  }

  /// Leads connections to the pods that wait for them, and to no others.
  private func follow(_ layout: ClusterLayout) throws(ClusterError) {
    let (now, before) = (silentEndpoints(layout), parts.withLock { $0.silent })
    if now == before { return }
    parts.withLock { $0.silent = now }
    do throws(ClusterError) { try bring(layout) } catch {
      parts.withLock { $0.silent = before }
      throw error
    }
    for endpoint in now.subtracting(before) { report("\(words(endpoint, layout)); it gets no connections") }
    for endpoint in before.subtracting(now) {
      report("\(endpoint.endpoint.address):\(endpoint.endpoint.port) serves again, or is no endpoint any more")
    }
  }

  /// The endpoints of pods at which no program waits although there is one that should.
  func silentEndpoints(_ layout: ClusterLayout) -> Set<PodEndpoint> {
    var wanted: [IPAddress: Set<PodEndpoint>] = [:]
    for service in layout.services {
      for endpoint in service.endpoints {
        wanted[endpoint.address, default: []].insert(PodEndpoint(transport: service.transport, endpoint: endpoint))
      }
    }
    var silent: Set<PodEndpoint> = []
    for pod in layout.pods {
      let ports = pod.programs.flatMap(\.ports)
      let endpoints = (wanted[pod.address] ?? []).filter { endpoint in
        ports.contains { $0.transport == endpoint.transport && $0.port == endpoint.endpoint.port }
      }
      if endpoints.isEmpty { continue }
      // A pod that cannot be looked into is taken to serve.
      guard let namespace = try? NetworkNamespace.named(Lab.namespaceName(lab: cluster, host: pod.name)),
        let listeners = try? namespace.perform({ () throws(NetlinkError) in try PodListeners() })
      else { continue }
      silent.formUnion(endpoints.filter { !listeners.contains($0.transport, $0.endpoint.port) })
    }
    return silent
  }

  private func words(_ silent: PodEndpoint, _ layout: ClusterLayout) -> String {
    let endpoint = silent.endpoint
    let pod = layout.pods.first { $0.address == endpoint.address }?.name ?? "\(endpoint.address)"
    return "pod \(pod): no program waits at \(endpoint.address):\(endpoint.port)/\(silent.transport.word)"
  }

  /// What is wrong, in sentences.
  func problems() -> [String] {
    let (layout, directors, silent, failures) = parts.withLock {
      ($0.layout, $0.directors, $0.silent, $0.failures)
    }
    guard let layout else { return [] }
    var problems = failures.sorted()
    if let fault = translatorFault() { problems.append("services: \(fault); they are put back within seconds") }
    for director in directors {
      do {
        let faults = try director.faults().map { "\(director.node): \($0); it is put back within seconds" }
        problems += try faults.isEmpty ? director.warnings().map { "\(director.node): \($0)" } : faults
      } catch { problems.append("\(error)") }
    }
    let bridges = PodBridges(layout, lab: cluster)
    for node in layout.nodes {
      if let fault = (try? bridges.fault(of: node)) ?? nil {
        problems.append("\(node.name): \(fault); it is put back within seconds")
      }
    }
    problems += silent.map { "\(words($0, layout)), and so it gets no connections of services" }.sorted()
    return problems
  }
}
