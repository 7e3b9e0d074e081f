import HTTPWire
import Measurement

/// A task as the event loop wants it: as much of the request as can be is written beforehand.
///
/// A class, for it never changes and each request looks at it.
final class PreparedTask: Sendable {
  let method: String
  let isHead: Bool
  let path: Template
  let body: Template?
  /// Names in lower case, as HTTP/2 demands.
  let headers: [RequestTask.Header]
  let expected: [Int]
  /// The whole request in HTTP/1.1 where nothing in it differs from one to the next.
  let fixed: [UInt8]?
  private let host: String
  private let lines: [UInt8]

  init(_ task: RequestTask, target: Target, keepsAlive: Bool) {
    method = task.method
    isHead = task.method == "HEAD"
    path = Template(task.path)
    body = task.body.map(Template.init)
    expected = task.expected
    let ownHost = task.headers.first { $0.name.lowercasedASCII == "host" }
    host = ownHost?.value ?? target.authority
    var headers = task.headers.filter { $0.name.lowercasedASCII != "host" }
    if !headers.contains(where: { $0.name.lowercasedASCII == "user-agent" }) {
      headers.append(.init(name: "User-Agent", value: "svs-bench"))
    }
    if !headers.contains(where: { $0.name.lowercasedASCII == "accept" }) {
      headers.append(.init(name: "Accept", value: "*/*"))
    }
    var lines = " HTTP/1.1\r\nHost: \(host)\r\n"
    for header in headers { lines += "\(header.name): \(header.value)\r\n" }
    if !keepsAlive { lines += "Connection: close\r\n" }
    self.lines = Array(lines.utf8)
    self.headers = headers.map { .init(name: $0.name.lowercasedASCII, value: $0.value) }
    if let path = path.constant, let body = body.map(\.constant) ?? .some([]) {
      fixed = PreparedTask.request(method, path, self.lines, task.body == nil ? nil : body)
    } else {
      fixed = nil
    }
  }

  var authority: String { host }

  /// Writes the request in HTTP/1.1 (RFC 9112, section 3).
  func write(to bytes: inout [UInt8], _ values: Template.Values, random: inout SeededGenerator) {
    if let fixed {
      bytes += fixed
      return
    }
    var path: [UInt8] = []
    self.path.append(to: &path, values, random: &random)
    var content: [UInt8]?
    if let body {
      var text: [UInt8] = []
      body.append(to: &text, values, random: &random)
      content = text
    }
    bytes += PreparedTask.request(method, path, lines, content)
  }

  private static func request(_ method: String, _ path: [UInt8], _ lines: [UInt8], _ body: [UInt8]?) -> [UInt8] {
    var bytes = Array(method.utf8)
    bytes.reserveCapacity(path.count + lines.count + (body?.count ?? 0) + 64)
    bytes.append(UInt8(ascii: " "))
    bytes += path
    bytes += lines
    if let body { bytes += "Content-Length: \(body.count)\r\n".utf8 }
    bytes += [13, 10]
    if let body { bytes += body }
    return bytes
  }

  /// Whether a status counts as success.
  func accepts(_ status: Int) -> Bool { expected.isEmpty ? status < 400 : expected.contains(status) }
}
