import LatencyProbe
import Testing

@Suite("URLs and settings of probes")
struct TargetTests {
  @Test("URLs are taken apart")
  func urls() throws {
    let plain = try ProbeTarget("http://sample-webapp:8000/")
    #expect(plain.host == "sample-webapp" && plain.port == 8000 && plain.path == "/" && !plain.usesTLS)
    #expect(plain.authority == "sample-webapp:8000")
    let tls = try ProbeTarget("https://example.org?x=1#part")
    #expect(tls.port == 443 && tls.path == "/?x=1" && tls.usesTLS && tls.authority == "example.org")
    let six = try ProbeTarget("http://[2001:db8::1]:8080/a/b?c")
    #expect(six.host == "2001:db8::1" && six.port == 8080 && six.path == "/a/b?c")
    #expect(six.authority == "[2001:db8::1]:8080")
    #expect(try ProbeTarget("192.0.2.1").url == "192.0.2.1")
    #expect(try ProbeTarget("HTTPS://x/").usesTLS)
  }

  @Test(
    "What is no URL is refused with a reason",
    arguments: [
      "", "http://", "ftp://x/", "http://[::1/", "http://[nothing]/", "http://x:0/", "http://x:70000/", "http://x:a/",
      "http://::1/", "http://user@x/", "http://x/a b", "http://bücher.example/", "http://[::1]8080/",
    ])
  func refused(url: String) {
    let error = #expect(throws: ProbeError.self) { try ProbeTarget(url) }
    #expect(error?.description.contains("cannot be probed: ") == true)
  }

  @Test("Addresses for hosts are read as curl reads them")
  func overrides() throws {
    let one = try AddressOverride("Shop.example:443:192.0.2.1,[2001:db8::1]")
    #expect(one.host == "shop.example" && one.port == 443 && one.addresses == ["192.0.2.1", "2001:db8::1"])
    #expect(try AddressOverride("x:*:::1").port == nil)
    for text in ["x", "x:80", "x:0:192.0.2.1", "x:80:nowhere", ":80:192.0.2.1", "x:80:"] {
      #expect(throws: ProbeError.self) { try AddressOverride(text) }
    }
  }

  @Test("Headers that would break the request are refused")
  func headers() throws {
    var setting = Prober.Setting()
    try setting.addHeader("X-Name:  a: b")
    #expect(setting.headers.first?.name == "X-Name" && setting.headers.first?.value == "a: b")
    for text in ["", "x", ": y", "a b: c", "x: a\r\nEvil: 1", "x\n: y", "x: \u{7F}", "x: \0"] {
      #expect(throws: ProbeError.self) { try setting.addHeader(text) }
    }
  }
}
