import HTTPWire

/// A GET request, ready to be sent by either version of HTTP.
struct Request {
  let http1: [UInt8]
  let http2: [(name: [UInt8], value: [UInt8])]

  init(_ target: ProbeTarget, _ setting: Prober.Setting) throws(ProbeError) {
    var fields: [(name: String, value: String)] = [
      ("Host", target.authority), ("User-Agent", setting.userAgent), ("Accept", "*/*"),
    ]
    for header in setting.headers {
      let name = header.name.lowercasedASCII
      fields.removeAll { $0.name.lowercasedASCII == name && ["host", "user-agent", "accept"].contains(name) }
      fields.append(header)
    }
    let lines = fields.map { "\($0.name): \($0.value)\r\n" }.joined()
    http1 = Array("GET \(target.path) HTTP/1.1\r\n\(lines)\r\n".utf8)
    let host = fields.first { $0.name.lowercasedASCII == "host" }?.value ?? target.authority
    let pseudo = [
      (":method", "GET"), (":scheme", target.usesTLS ? "https" : "http"), (":authority", host), (":path", target.path),
    ]
    // What belongs to a connection has no place in HTTP/2 (RFC 9113, section 8.2.2).
    let others = fields.map { ($0.name.lowercasedASCII, $0.value) }
      .filter { !["host", "connection", "keep-alive", "upgrade", "transfer-encoding"].contains($0.0) }
    http2 = (pseudo + others).map { (Array($0.0.utf8), Array($0.1.utf8)) }
  }
}

extension Prober.Setting {
  /// Adds a header as it stands on a command line: `Name: value`.
  public mutating func addHeader(_ text: String) throws(ProbeError) {
    guard let field = HeaderField(line: text) else { throw .setting("-H '\(text)': a header is Name: value") }
    headers.append((field.name, field.value))
  }
}
