import IngressModel
import NIOCore

/// Writes heads as they go on: without what was for this connection only, with what the other side must know.
enum HeadWriter {
  /// What a request's head is given on its way to a server.
  struct Forwarding {
    /// In figures.
    var client: [UInt8]
    var isTLS: Bool
    var port: UInt16
    /// Whether what the client's side says of earlier proxies is true.
    var trustsClient: Bool
    /// In its plain spelling.
    var path: String
    /// The server's own name, where it does not see the client's.
    var host: [UInt8]?
    /// Whether the connection is to become another protocol's.
    var upgrades: Bool
  }

  static func request(
    _ head: borrowing MessageHead, _ bytes: UnsafeBufferPointer<UInt8>, _ forwarding: borrowing Forwarding,
    into out: inout ByteBuffer
  ) {
    out.writeBytes(bytes[head.method])
    out.writeInteger(UInt8(32))
    out.writeString(forwarding.path)
    if let query = head.query {
      out.writeInteger(UInt8(63))
      out.writeBytes(bytes[query])
    }
    out.writeStaticString(" HTTP/1.1\r\nHost: ")
    if let host = forwarding.host { out.writeBytes(host) } else { out.writeBytes(bytes[head.authority]) }
    out.writeStaticString("\r\n")
    let named = head.namesFields ? Self.named(head, bytes) : []
    var earlier: [Range<Int>] = []
    // Neighbours go in one piece.
    var run = 0..<0
    for field in head.fields {
      switch field.known {
      case .other: break
      case .host: continue
      // `Connection` names it for the next one too.
      case .upgrade where forwarding.upgrades: break
      case .forwardedFor where forwarding.trustsClient:
        if !field.value.isEmpty { earlier.append(field.value) }
        continue
      case .realIP: continue
      case let known where known.isHopByHop || known.tellsOfClient && !forwarding.trustsClient: continue
      default: break
      }
      if isNamed(field, bytes, named), !(field.known == .upgrade && forwarding.upgrades) { continue }
      if run.upperBound == field.line.lowerBound {
        run = run.lowerBound..<field.line.upperBound
      } else {
        out.writeBytes(bytes[run])
        run = field.line
      }
    }
    out.writeBytes(bytes[run])
    switch head.framing {
    case .chunked: out.writeStaticString("Transfer-Encoding: chunked\r\n")
    default: break
    }
    if forwarding.upgrades { out.writeStaticString("Connection: upgrade\r\n") }
    out.writeStaticString("X-Forwarded-For: ")
    for value in earlier {
      out.writeBytes(bytes[value])
      out.writeStaticString(", ")
    }
    out.writeBytes(forwarding.client)
    out.writeStaticString("\r\nX-Real-Ip: ")
    out.writeBytes(forwarding.client)
    if !forwarding.trustsClient || head.first(.forwardedHost) == nil, !head.authority.isEmpty {
      out.writeStaticString("\r\nX-Forwarded-Host: ")
      out.writeBytes(bytes[head.authority])
    }
    if !forwarding.trustsClient || head.first(.forwardedPort) == nil {
      out.writeStaticString("\r\nX-Forwarded-Port: ")
      out.writeString(String(forwarding.port))
    }
    if !forwarding.trustsClient || head.first(.forwardedProto) == nil {
      out.writeStaticString(forwarding.isTLS ? "\r\nX-Forwarded-Proto: https" : "\r\nX-Forwarded-Proto: http")
    }
    out.writeStaticString("\r\n\r\n")
  }

  /// What a response's head is given on its way to a client of HTTP/1.
  struct Answering {
    /// 0 or 1, of HTTP/1.
    var minorVersion: Int
    /// Whether the client's connection stays.
    var keepsAlive: Bool
    /// How the end of the body is told.
    var framing: BodyFraming
    var setCookies: [String]
  }

  static func response(
    _ head: borrowing MessageHead, _ bytes: UnsafeBufferPointer<UInt8>, _ answering: borrowing Answering,
    into out: inout ByteBuffer
  ) {
    out.writeStaticString("HTTP/1.1")
    // The rest of the first line, with its end.
    let first = head.fields.first?.line.lowerBound ?? head.length - 2
    out.writeBytes(bytes[8..<first])
    let named = head.namesFields ? Self.named(head, bytes) : []
    let upgrades = head.status == 101
    // Neighbours go in one piece.
    var run = 0..<0
    for field in head.fields {
      let stays = upgrades && (field.known == .upgrade || field.known == .connection)
      if !stays, field.known.isHopByHop || isNamed(field, bytes, named) { continue }
      // Where there can be no body (RFC 9110, section 8.6).
      if field.known == .contentLength, head.status < 200 || head.status == 204 { continue }
      if run.upperBound == field.line.lowerBound {
        run = run.lowerBound..<field.line.upperBound
      } else {
        out.writeBytes(bytes[run])
        run = field.line
      }
    }
    out.writeBytes(bytes[run])
    for cookie in answering.setCookies {
      out.writeStaticString("Set-Cookie: ")
      out.writeString(cookie)
      out.writeStaticString("\r\n")
    }
    if answering.framing == .chunked { out.writeStaticString("Transfer-Encoding: chunked\r\n") }
    if head.status >= 200 {
      if !answering.keepsAlive {
        out.writeStaticString("Connection: close\r\n")
      } else if answering.minorVersion == 0 {
        out.writeStaticString("Connection: keep-alive\r\n")
      }
    }
    out.writeStaticString("\r\n")
  }

  /// A chunk's data with what stands around them (RFC 9112, section 7.1).
  static func chunk(_ data: ByteBufferView, into out: inout ByteBuffer) {
    if data.isEmpty { return }
    out.writeString(String(data.count, radix: 16))
    out.writeStaticString("\r\n")
    out.writeBytes(data)
    out.writeStaticString("\r\n")
  }

  static func lastChunk(into out: inout ByteBuffer) { out.writeStaticString("0\r\n\r\n") }

  /// Names that `Connection` lists beside the words that everybody knows.
  static func named(_ head: borrowing MessageHead, _ bytes: UnsafeBufferPointer<UInt8>) -> [Range<Int>] {
    var names: [Range<Int>] = []
    guard let base = bytes.baseAddress else { return names }
    for field in head.fields where field.known == .connection {
      for word in CommaList(UnsafeBufferPointer(rebasing: bytes[field.value])) where !word.isEmpty {
        guard let start = word.baseAddress else { continue }
        names.append(start - base..<start - base + word.count)
      }
    }
    return names
  }

  static func isNamed(
    _ field: MessageHead.Field, _ bytes: UnsafeBufferPointer<UInt8>, _ names: [Range<Int>]
  ) -> Bool {
    guard !names.isEmpty, field.known.mayBeNamed else { return false }
    let name = UnsafeBufferPointer(rebasing: bytes[field.name])
    return names.contains { UnsafeBufferPointer(rebasing: bytes[$0]).equalsIgnoringCase(name) }
  }
}
