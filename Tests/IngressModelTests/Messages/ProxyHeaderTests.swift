import Testing

@testable import IngressModel

@Suite struct ProxyHeaderTests {
  private func read(_ bytes: [UInt8]) -> ProxyHeader.Outcome { bytes.withUnsafeBufferPointer { ProxyHeader.read($0) } }

  private func ends(_ client: String, _ destination: String) throws -> ProxyHeader.Ends {
    ProxyHeader.Ends(
      client: try #require(ClientAddress(parsing: client)), clientPort: 56_324,
      destination: try #require(ClientAddress(parsing: destination)), destinationPort: 443)
  }

  @Test(arguments: [ProxyProtocolVersion.v1, .v2], [("192.0.2.1", "198.51.100.1"), ("2001:db8::1", "2001:db8::2")])
  func whatIsWrittenIsRead(_ version: ProxyProtocolVersion, _ addresses: (String, String)) throws {
    let header = ProxyHeader(ends: try ends(addresses.0, addresses.1))
    let bytes = header.bytes(version)
    #expect(read(bytes + [1, 2]) == .complete(header, bytes.count))
    for count in 0..<bytes.count { #expect(read(Array(bytes[..<count])) == .incomplete, "\(count)") }
    let unknown = ProxyHeader(ends: nil).bytes(version)
    #expect(read(unknown) == .complete(ProxyHeader(ends: nil), unknown.count))
  }

  /// As HAProxy writes them.
  @Test func linesAndBytesOfTheSpecification() throws {
    let header = ProxyHeader(ends: try ends("192.0.2.1", "198.51.100.1"))
    #expect(header.bytes(.v1) == Array("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n".utf8))
    #expect(
      header.bytes(.v2)
        == [
          13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10, 0x21, 0x11, 0, 12, 192, 0, 2, 1, 198, 51, 100, 1, 220, 4, 1,
          187,
        ])
    // A client and a destination of two families are written as two of IPv6.
    let mixed = ProxyHeader(ends: try ends("192.0.2.1", "2001:db8::2"))
    #expect(mixed.bytes(.v1).starts(with: "PROXY TCP6 ::ffff:192.0.2.1 2001:db8::2 ".utf8))
    for version in [ProxyProtocolVersion.v1, .v2] {
      guard case .complete(let again, _) = read(mixed.bytes(version)) else { return #expect(Bool(false)) }
      #expect(again == mixed)
    }
  }

  @Test(arguments: [
    "GET / HTTP/1.1\r\n", "PROXY TCP4 192.0.2.1 198.51.100.1 56324\r\n",
    "PROXY TCP4 192.0.2.1 198.51.100.1 056324 443\r\n",
    "PROXY TCP4 192.0.2.1 198.51.100.1 56324 70000\r\n", "PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
    "PROXY TCP6 192.0.2.1 198.51.100.1 1 2\r\n", "PROXY TCP4 192.0.2.1 198.51.100.1 1 2\n",
    "PROXY  TCP4 192.0.2.1 1.1.1.1 1 2\r\n",
    "PROXY UDP4 192.0.2.1 198.51.100.1 1 2\r\n", "PROXY \(String(repeating: "x", count: 120))", "proxy TCP4",
  ]) func whatIsNoHeaderIsRefused(_ text: String) { #expect(read(Array(text.utf8)) == .refused) }

  @Test func anyBytes() throws {
    var random = Generator(seed: 11)
    let samples = try [ProxyProtocolVersion.v1, .v2].map {
      ProxyHeader(ends: try ends("192.0.2.1", "2001:db8::2")).bytes($0)
    }
    for round in 0..<10_000 {
      var bytes = samples[round % 2]
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      if case .complete(_, let length) = read(bytes) { #expect(length <= bytes.count) }
    }
  }
}
