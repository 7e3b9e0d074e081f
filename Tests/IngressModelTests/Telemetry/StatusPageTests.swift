@testable import IngressModel
import Testing

@Suite("The status page")
struct StatusPageTests {
  private func hexadecimal(_ text: String) -> String {
    var bytes: [UInt8] = []
    for byte in SHA256.hash(Array(text.utf8)) { bytes.writeHexadecimal(byte) }
    return String(decoding: bytes, as: UTF8.self)
  }

  @Test(
    "SHA-256 of the standard's examples",
    arguments: [
      ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
      ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
      (
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
      ),
    ])
  func sha256(text: String, expected: String) { #expect(hexadecimal(text) == expected) }

  @Test(
    "Base64 of RFC 4648's examples",
    arguments: zip(["", "f", "fo", "foo", "foobar"], ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYmFy"]))
  func base64(text: String, expected: String) { #expect(Base64.text(Array(text.utf8)) == expected) }

  @Test("One document that needs nothing from elsewhere and sets data as text only")
  func document() {
    let html = StatusPage.html
    #expect(html.hasPrefix("<!DOCTYPE html>"))
    #expect(html.contains("<style>" + StatusPage.style + "</style>"))
    #expect(html.contains("<script>" + StatusPage.script + "</script>"))
    #expect(!html.contains("@STYLE@"))
    #expect(!html.contains("@SCRIPT@"))
    for word in [
      "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "https:", "@import", "url(", " src=",
    ] {
      #expect(!html.contains(word))
    }
    // The one address is the name of a namespace.
    #expect(html.split(separator: "http:").count == 2)
    #expect(html.contains("'http://www.w3.org/2000/svg'"))
    #expect(html.contains("fetch('\(StatusPage.dataPath)'"))
  }

  @Test("The policy lets the page's own script and style run, and nothing else")
  func policy() {
    let policy = StatusPage.contentSecurityPolicy
    #expect(policy.hasPrefix("default-src 'none'; style-src 'sha256-"))
    #expect(!policy.contains("unsafe"))
    #expect(StatusPage.headers.contains { $0.name == "Content-Security-Policy" && $0.value == policy })
  }
}
