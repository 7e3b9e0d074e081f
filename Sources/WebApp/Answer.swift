import NIOHTTP1

/// What the application says to a request.
struct Answer {
  var status: HTTPResponseStatus
  var text: String
  /// The methods of a page, where the request had another.
  var allowed: String?

  init(status: HTTPResponseStatus = .ok, text: String) {
    self.status = status
    self.text = text
  }

  /// - Parameters:
  ///   - target: path and query, as the request has them.
  ///   - form: a body of the type `application/x-www-form-urlencoded`.
  init(to method: HTTPMethod, _ target: String, form: String) {
    let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    let fields = Form(parts.count > 1 ? String(parts[1]) : "", form)
    let isReading = method == .GET || method == .HEAD
    switch parts.first {
    case "/" where isReading:
      self.init(text: "Welcome to the \"Distributed Load Testing Using Kubernetes\" sample web app\n")
    case "/login" where isReading || method == .POST:
      self.init(text: "/login - device: \(fields["deviceid"])\n")
    case "/metrics" where isReading || method == .POST:
      self.init(text: "/metrics - device: \(fields["deviceid"]), timestamp: \(fields["timestamp"])\n")
    case "/", "/login", "/metrics":
      self.init(status: .methodNotAllowed, text: "This page has no \(method.rawValue).\n")
      allowed = parts.first == "/" ? "GET, HEAD" : "GET, HEAD, POST"
    default:
      self.init(status: .notFound, text: "There is no such page. There are: / /login /metrics\n")
    }
  }
}

/// Fields of queries and forms; of those with the same name the first counts.
struct Form {
  private var fields: [String: String] = [:]

  init(_ texts: String...) {
    for text in texts {
      for pair in text.split(separator: "&") {
        let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let name = Self.decoded(parts[0])
        if fields[name] == nil { fields[name] = parts.count > 1 ? Self.decoded(parts[1]) : "" }
      }
    }
  }

  /// The field, or the word with which the original application shows that it is missing.
  subscript(name: String) -> String { fields[name] ?? "None" }

  /// Without percent-encoding; a percent sign that encodes nothing stands for itself.
  static func decoded(_ text: Substring) -> String {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "%"), rest.count >= 2,
        let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16), rest.first != UInt8(ascii: "+")
      {
        bytes.append(value)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte == UInt8(ascii: "+") ? 32 : byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
