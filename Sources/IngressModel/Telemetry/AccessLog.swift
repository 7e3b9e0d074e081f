/// A request as the access log tells it, after its end.
public struct AccessLogEntry: Hashable, Sendable {
  /// When the request came.
  public var time: WallTime
  public var client: ClientAddress?
  public var method: String
  /// Path and query, as the client wrote them.
  public var target: String
  /// "HTTP/1.1".
  public var version: String
  public var host: String
  /// Of the response to the client; nil if the client left without one.
  public var status: Int?
  /// Of the body that was sent to the client.
  public var bytesSent: UInt64
  public var bytesReceived: UInt64 = 0
  public var referer: String?
  public var userAgent: String?
  public var router: String?
  public var service: String?
  /// The URL of the server that answered.
  public var server: String?
  /// In nanoseconds, to the response's end.
  public var duration: UInt64
  public var retries: Int = 0
  public var failure: RequestFailure?

  public init(
    time: WallTime, client: ClientAddress?, method: String, target: String, version: String, host: String = "",
    status: Int?, bytesSent: UInt64 = 0, duration: UInt64 = 0
  ) {
    self.time = time
    self.client = client
    self.method = method
    self.target = target
    self.version = version
    self.host = host
    self.status = status
    self.bytesSent = bytesSent
    self.duration = duration
  }
}

/// Writes access log lines; each event loop has its own.
///
/// Whatever a request contains, a line stays one line, and a terminal that shows it shows text.
public struct AccessLog: Sendable {
  public enum Format: String, Hashable, Sendable, CaseIterable { case common, json }

  public let format: Format
  private var clock = LogClock()

  public init(format: Format) { self.format = format }

  /// Appends a line with its line feed.
  public mutating func write(_ entry: AccessLogEntry, to buffer: inout [UInt8]) {
    clock.set(entry.time)
    switch format {
    case .common: writeCommon(entry, to: &buffer)
    case .json: writeJSON(entry, to: &buffer)
    }
    buffer.append(UInt8(ascii: "\n"))
  }

  /// Common Log Format, then referer and agent (which makes it "combined"), router, server and milliseconds.
  private func writeCommon(_ entry: AccessLogEntry, to buffer: inout [UInt8]) {
    if let client = entry.client { buffer.write(client) } else { buffer.append(UInt8(ascii: "-")) }
    buffer.write(" - - [")
    buffer.append(contentsOf: clock.common)
    buffer.write("] \"")
    Self.escape(entry.method, into: &buffer)
    buffer.append(UInt8(ascii: " "))
    Self.escape(entry.target, into: &buffer)
    buffer.append(UInt8(ascii: " "))
    Self.escape(entry.version, into: &buffer)
    buffer.write("\" ")
    buffer.write(entry.status ?? 0, digits: 3)
    buffer.append(UInt8(ascii: " "))
    buffer.write(entry.bytesSent)
    Self.quote(entry.referer, into: &buffer)
    Self.quote(entry.userAgent, into: &buffer)
    Self.quote(entry.router, into: &buffer)
    Self.quote(entry.server, into: &buffer)
    buffer.append(UInt8(ascii: " "))
    buffer.write(entry.duration / 1_000_000)
    buffer.write("ms")
  }

  private func writeJSON(_ entry: AccessLogEntry, to buffer: inout [UInt8]) {
    // The buffer is handed over and back, not copied.
    var json = JSONWriter(into: exchange(&buffer, with: []))
    json.object { json in
      json.key("time")
      var time = clock.iso
      time.append(UInt8(ascii: "."))
      time.write(entry.time.nanoseconds / 1_000_000, digits: 3)
      time.append(UInt8(ascii: "Z"))
      json.string(String(decoding: time, as: UTF8.self))
      if let client = entry.client {
        var text: [UInt8] = []
        text.write(client)
        json.key("client")
        json.string(String(decoding: text, as: UTF8.self))
      }
      for (name, text) in [
        ("method", entry.method), ("host", entry.host), ("target", entry.target), ("protocol", entry.version),
      ] {
        json.key(name)
        json.string(text)
      }
      if let status = entry.status {
        json.key("status")
        json.number(status)
      }
      for (name, number) in [("bytesSent", entry.bytesSent), ("bytesReceived", entry.bytesReceived)] {
        json.key(name)
        json.number(number)
      }
      json.key("durationMs")
      json.number(entry.duration / 1000, decimals: 3)
      for (name, text) in [
        ("referer", entry.referer), ("userAgent", entry.userAgent), ("router", entry.router),
        ("service", entry.service), ("server", entry.server), ("failure", entry.failure?.rawValue),
      ] {
        guard let text else { continue }
        json.key(name)
        json.string(text)
      }
      if entry.retries > 0 {
        json.key("retries")
        json.number(entry.retries)
      }
    }
    buffer = json.bytes
  }

  private static func quote(_ text: String?, into buffer: inout [UInt8]) {
    buffer.write(" \"")
    if let text { escape(text, into: &buffer) } else { buffer.append(UInt8(ascii: "-")) }
    buffer.append(UInt8(ascii: "\""))
  }

  /// All but printable ASCII as \xHH, also quotes and backslashes: what is within quotes is one field.
  private static func escape(_ text: String, into buffer: inout [UInt8]) {
    buffer.write(text) { bytes in
      let byte = bytes[bytes.startIndex]
      let stays = byte >= 0x20 && byte <= 0x7e && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
      return stays ? 0 : 1
    } as: { bytes, buffer in
      buffer.write("\\x")
      buffer.writeHexadecimal(bytes[bytes.startIndex])
    }
  }
}
