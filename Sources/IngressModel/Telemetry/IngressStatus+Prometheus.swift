extension IngressStatus {
  /// The Content-Type of ``prometheus()``.
  public static let prometheusContentType = "text/plain; version=0.0.4; charset=utf-8"

  /// All counters as Prometheus reads them, always in the same order.
  public func prometheus() -> [UInt8] {
    var text = PrometheusWriter()
    text.family("svs_ingress_start_time_seconds", .gauge, help: "When the proxy started, since 1970.") {
      $0.add([], process.started.seconds)
    }
    text.family("svs_ingress_draining", .gauge, help: "1 while no new connections are taken.") {
      $0.add([], process.isDraining ? 1 : 0)
    }
    text.family("svs_ingress_reloads_total", .counter, help: "Readings of the configuration after the first.") {
      $0.add([("result", "failed")], process.failedReloads)
      $0.add([("result", "succeeded")], process.reloads)
    }
    writeEntryPoints(to: &text)
    write(
      "router", of: routers.map { ([("router", $0.router.name), ("service", $0.router.service)], $0.totals) },
      to: &text)
    // A service of services has no requests of its own: they count at the one that has the servers.
    let counted = services.filter { if case .servers = $0.service.members { true } else { false } }
    write("service", of: counted.map { ([("service", $0.service.name)], $0.totals) }, to: &text)
    text.family(
      "svs_ingress_service_unavailable_total", .counter, help: "Requests for which the service had no server."
    ) { samples in
      for service in services { samples.add([("service", service.service.name)], service.totals.unavailable) }
    }
    writeServers(to: &text)
    return text.bytes
  }

  private func writeEntryPoints(to text: inout PrometheusWriter) {
    func each(_ samples: inout PrometheusWriter.Samples, _ value: (EntryPointTotals) -> UInt64) {
      for point in entryPoints { samples.add([("entrypoint", point.description.name)], value(point.totals)) }
    }
    text.family("svs_ingress_entrypoint_open_connections", .gauge, help: "Connections of clients that are open.") {
      each(&$0, \.openConnections)
    }
    text.family("svs_ingress_entrypoint_connections_total", .counter, help: "Connections of clients so far.") {
      each(&$0, \.connections)
    }
    text.family("svs_ingress_entrypoint_requests_total", .counter, help: "Requests whose head was understood.") {
      each(&$0, \.requests)
    }
    text.family(
      "svs_ingress_entrypoint_refused_total", .counter, help: "Requests and connections not handed to a server."
    ) { samples in
      for point in entryPoints {
        for reason in Refusal.allCases {
          samples.add(
            [("entrypoint", point.description.name), ("reason", reason.rawValue)], point.totals.refused(reason))
        }
      }
    }
  }

  private func writeServers(to text: inout PrometheusWriter) {
    let servers = services.flatMap { service in
      service.servers.map { server in
        (labels: [("service", service.service.name), ("server", server.server.description)], status: server)
      }
    }
    write("server", of: servers.map { ($0.labels, $0.status.totals) }, to: &text)
    text.family("svs_ingress_server_up", .gauge, help: "0 while health checks fail; 1 also before the first.") {
      for server in servers { $0.add(server.labels, server.status.condition == .down ? 0 : 1) }
    }
    text.family("svs_ingress_server_breaker_open", .gauge, help: "1 while the circuit breaker is not closed.") {
      for server in servers {
        $0.add(server.labels, [.paused, .trial].contains(server.status.condition) ? 1 : 0)
      }
    }
    text.family("svs_ingress_server_open_requests", .gauge, help: "Requests that the server is working on.") {
      for server in servers { $0.add(server.labels, server.status.openRequests) }
    }
    text.family("svs_ingress_server_weight", .gauge, help: "The server's weight, as configured.") {
      for server in servers { $0.add(server.labels, server.status.server.weight) }
    }
  }

  /// What ``RequestCounters`` count, of routers, services or servers.
  private func write(
    _ kind: String, of counted: [(labels: [(String, String)], totals: RequestTotals)], to text: inout PrometheusWriter
  ) {
    text.family("svs_ingress_\(kind)_requests_total", .counter, help: "Requests that ended, by class of status.") {
      for (labels, totals) in counted {
        for (index, count) in totals.statusClasses.enumerated() {
          $0.add(labels + [("code", StatusClass.labels[index])], count)
        }
      }
    }
    text.family("svs_ingress_\(kind)_failures_total", .counter, help: "Requests that came to nothing, by reason.") {
      for (labels, totals) in counted {
        for failure in RequestFailure.allCases {
          $0.add(labels + [("reason", failure.rawValue)], totals.failures(failure))
        }
      }
    }
    text.family("svs_ingress_\(kind)_retries_total", .counter, help: "Requests sent after another server failed.") {
      for (labels, totals) in counted { $0.add(labels, totals.retries) }
    }
    text.family("svs_ingress_\(kind)_received_bytes_total", .counter, help: "Bytes of bodies from clients.") {
      for (labels, totals) in counted { $0.add(labels, totals.bytesReceived) }
    }
    text.family("svs_ingress_\(kind)_sent_bytes_total", .counter, help: "Bytes of bodies to clients.") {
      for (labels, totals) in counted { $0.add(labels, totals.bytesSent) }
    }
    text.family(
      "svs_ingress_\(kind)_request_duration_seconds", .histogram, help: "From the request's begin to its end."
    ) {
      for (labels, totals) in counted { $0.add(labels, totals.durations) }
    }
  }
}
