extension IngressStatus {
  /// The document behind the status page: counters since the start, rates over the last seconds, durations in ms.
  public func json() -> [UInt8] {
    var json = JSONWriter()
    json.object { json in
      json.field("time", milliseconds: time)
      json.field("version", process.version)
      json.field("started", milliseconds: process.started)
      json.field("draining", process.isDraining)
      json.key("reloads")
      json.object { json in
        json.field("succeeded", process.reloads)
        json.field("failed", process.failedReloads)
        json.field("error", process.reloadError)
      }
      json.key("entryPoints")
      json.array(entryPoints) { $1.write(to: &$0) }
      json.key("routers")
      json.array(routers) { $1.write(to: &$0) }
      json.key("services")
      json.array(services) { $1.write(to: &$0) }
    }
    json.bytes.append(UInt8(ascii: "\n"))
    return json.bytes
  }
}

extension EntryPointStatus {
  fileprivate func write(to json: inout JSONWriter) {
    json.object { json in
      json.field("name", description.name)
      json.field("address", description.address)
      json.field("tls", description.isTLS)
      json.field("connections", totals.connections)
      json.field("openConnections", totals.openConnections)
      json.field("requests", totals.requests)
      json.field("requestsPerSecond", rate: requestsPerSecond)
      json.key("refused")
      json.object { json in
        for reason in Refusal.allCases { json.field(reason.rawValue, totals.refused(reason)) }
      }
    }
  }
}

extension RouterStatus {
  fileprivate func write(to json: inout JSONWriter) {
    json.object { json in
      json.field("name", router.name)
      json.field("rule", router.rule.text)
      json.field("priority", router.priority)
      json.key("entryPoints")
      json.array(router.entryPoints) { $0.string($1) }
      json.field("service", router.service)
      json.field("tls", router.isTLS)
      json.field("source", router.source.description)
      json.field("totals", totals)
      json.field("rates", rates)
    }
  }
}

extension ServiceStatus {
  fileprivate func write(to json: inout JSONWriter) {
    json.object { json in
      json.field("name", service.name)
      json.field("strategy", service.strategy.label)
      json.field("sticky", service.sticky?.name)
      json.field("healthCheck", service.healthCheck?.path)
      json.field("source", service.source.description)
      json.field("totals", totals)
      json.field("rates", rates)
      json.key("services")
      json.array { json in
        guard case .services(let members) = service.members else { return }
        for member in members {
          json.object { json in
            json.field("name", member.name)
            json.field("weight", member.weight)
          }
        }
      }
      json.key("servers")
      json.array(servers) { $1.write(to: &$0) }
    }
  }
}

extension ServerStatus {
  fileprivate func write(to json: inout JSONWriter) {
    json.object { json in
      json.field("url", server.description)
      json.field("condition", condition.rawValue)
      json.field("reason", reason)
      json.key("seconds")
      if let age { json.number(age / 1_000_000_000) } else { json.null() }
      json.field("weight", server.weight)
      json.field("openRequests", openRequests)
      json.field("totals", totals)
      json.field("rates", rates)
    }
  }
}

extension BackendService.Strategy {
  /// In words, for people.
  var label: String {
    switch self {
    case .weightedRoundRobin: "weighted round robin"
    case .leastConnections: "least connections"
    case .sourceHash: "source hash"
    }
  }
}

extension JSONWriter {
  fileprivate mutating func field(_ name: String, _ text: String?) {
    key(name)
    if let text { string(text) } else { null() }
  }

  fileprivate mutating func field(_ name: String, _ value: UInt64) {
    key(name)
    number(value)
  }

  fileprivate mutating func field(_ name: String, _ value: Int) {
    key(name)
    number(value)
  }

  fileprivate mutating func field(_ name: String, _ value: Bool) {
    key(name)
    bool(value)
  }

  /// Since 1970, as JavaScript counts.
  fileprivate mutating func field(_ name: String, milliseconds time: WallTime) {
    key(name)
    number(time.seconds * 1000 + time.nanoseconds / 1_000_000)
  }

  /// With three decimals.
  fileprivate mutating func field(_ name: String, rate: Double?) {
    key(name)
    guard let rate, rate.isFinite, rate >= 0, rate < 1e15 else { return null() }
    number(UInt64((rate * 1000).rounded()), decimals: 3)
  }

  fileprivate mutating func field(_ name: String, _ totals: RequestTotals) {
    key(name)
    object { json in
      json.field("requests", totals.requests)
      json.field("errors", totals.errors)
      json.key("statuses")
      json.object { json in
        for (index, count) in totals.statusClasses.enumerated() {
          json.field(StatusClass.labels[index], count)
        }
      }
      json.key("failures")
      json.object { json in
        for failure in RequestFailure.allCases { json.field(failure.rawValue, totals.failures(failure)) }
      }
      json.field("retries", totals.retries)
      json.field("unavailable", totals.unavailable)
      json.field("bytesReceived", totals.bytesReceived)
      json.field("bytesSent", totals.bytesSent)
    }
  }

  fileprivate mutating func field(_ name: String, _ rates: RequestRates?) {
    key(name)
    guard let rates else { return null() }
    object { json in
      json.field("requestsPerSecond", rate: rates.requestsPerSecond)
      json.field("errorsPerSecond", rate: rates.errorsPerSecond)
      for (name, duration) in [("p50", rates.median), ("p99", rates.percentile99)] {
        json.key(name)
        if let duration { json.number(duration / 1000, decimals: 3) } else { json.null() }
      }
    }
  }
}

/// How classes of status are called, in the order of ``RequestTotals/statusClasses``.
enum StatusClass {
  static let labels = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"]
}
