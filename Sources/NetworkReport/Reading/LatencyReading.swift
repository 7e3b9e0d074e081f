/// What `svs bench latency --json` says of one path.
struct LatencyReading: Sendable {
  var requests: [RequestTimes]

  var answered: [RequestTimes] { requests.filter { $0.error == nil } }

  init(json text: String) throws(MeasuringError) {
    let document = try InstrumentOutput.decode(Document.self, text, what: "svs bench latency")
    guard let path = document.result?.paths?.elements.first, let probes = path.probes else {
      throw MeasuringError("svs bench latency wrote a result without probes.")
    }
    requests = probes.elements.map(\.times)
  }

  private struct Document: Decodable {
    var result: Result?

    struct Result: Decodable { var paths: LenientArray<Path>? }
    struct Path: Decodable, Sendable { var probes: LenientArray<Probe>? }

    struct Probe: Decodable, Sendable {
      var times: RequestTimes

      private enum CodingKeys: String, CodingKey { case times, status, error }
      private enum Moments: String, CodingKey {
        case lookup = "time_namelookup"
        case connect = "time_connect"
        case startTransfer = "time_starttransfer"
        case total = "time_total"
      }

      init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let moments = try? container.nestedContainer(keyedBy: Moments.self, forKey: .times)
        func seconds(_ moment: Moments) -> Double? {
          let value = try? moments?.decode(LenientNumber.self, forKey: moment).value
          return value.flatMap { $0 >= 0 ? $0 : nil }
        }
        let error = try? container.decode(String.self, forKey: .error)
        let status = (try? container.decode(LenientNumber.self, forKey: .status))?.count
        // An answer without a time is no measurement; nor is the page of an error.
        var reason = error
        if reason == nil, seconds(.total) == nil { reason = "the result has no time for it" }
        if reason == nil, let status, status >= 400 { reason = "status \(status)" }
        times = RequestTimes(
          nameLookupSeconds: seconds(.lookup) ?? 0, connectSeconds: seconds(.connect) ?? 0,
          startTransferSeconds: seconds(.startTransfer) ?? 0, totalSeconds: seconds(.total) ?? 0, status: status,
          error: reason)
      }
    }
  }
}
