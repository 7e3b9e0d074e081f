import KernelDirector

/// How a service's servers learn of their clients, as `svs client-address set` takes it.
public struct ClientAddressRule: Hashable, Sendable {
  public var service: ServiceIdentity
  public var disclosure: Disclosure

  public init(_ disclosure: Disclosure, of service: ServiceIdentity) {
    self.disclosure = disclosure
    self.service = service
  }

  /// Reads `SERVICE METHOD [--keep-client-toa]`.
  public init(words: some Sequence<String>) throws(LocalAddressError) {
    var words = Array(words)
    let option = words.firstIndex(of: Self.keeping)
    if let option { words.remove(at: option) }
    guard words.count == 2 else { throw LocalAddressError("give SERVICE and METHOD") }
    guard let service = ServiceIdentity(named: words[0]) else {
      throw LocalAddressError(
        "'\(words[0])' is no service; write it as tcp:192.0.2.1:80, tcp:[2001:db8::1]:80, fwmark:1 or fwmark6:1")
    }
    guard let method = Disclosure.Method(rawValue: words[1]) else {
      let names = Disclosure.Method.allCases.map(\.rawValue).joined(separator: ", ")
      throw LocalAddressError("'\(words[1])' is no way to tell a server of its client; there are \(names)")
    }
    self.init(Disclosure(method, keepsClientsTOA: option != nil), of: service)
  }

  /// What the initialiser reads.
  public var text: String {
    "\(service.named) \(disclosure.method.rawValue)" + (disclosure.keepsClientsTOA ? " \(Self.keeping)" : "")
  }

  private static let keeping = "--keep-client-toa"
}
