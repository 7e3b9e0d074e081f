import Foundation
import Testing

@testable import IngressModel

@Suite("The status as JSON")
struct StatusJSONTests {
  private static let record =
    URL(filePath: #filePath).deletingLastPathComponent().path()
    + "/../../Records/ingress/status.json"

  /// The record is also what `scripts/ingress_page.py` shows the status page; to write it anew, set `SVS_RECORD=1`.
  @Test("The document is the recorded one")
  func document() throws {
    let bytes = try SampleStatus.make().json()
    if ProcessInfo.processInfo.environment["SVS_RECORD"] != nil {
      try Data(bytes).write(to: URL(filePath: Self.record))
    }
    let recorded = try String(contentsOfFile: Self.record, encoding: .utf8)
    #expect(String(decoding: bytes, as: UTF8.self) == recorded)
  }

  @Test("It is JSON to another reader too, with hostile names as they were")
  func meaning() throws {
    let status = try SampleStatus.make()
    let object = try #require(try JSONSerialization.jsonObject(with: Data(status.json())) as? [String: Any])
    let services = try #require(object["services"] as? [[String: Any]])
    #expect(services.compactMap { $0["name"] as? String }.contains(SampleStatus.hostile))
    let shop = try #require(services.first { $0["name"] as? String == "shop@file" })
    let servers = try #require(shop["servers"] as? [[String: Any]])
    #expect(servers.compactMap { $0["condition"] as? String } == ["up", "down", "unknown", "draining"])
    #expect(servers[1]["reason"] as? String == "connection refused")
    #expect(servers[1]["seconds"] as? Int == 3)
    let rates = try #require(servers[0]["rates"] as? [String: Any])
    #expect(rates["requestsPerSecond"] as? Double == 8)
    #expect(rates["errorsPerSecond"] as? Double == 0.2)
    let api = try #require(services.first { $0["name"] as? String == "api@file" })
    let conditions = (api["servers"] as? [[String: Any]])?.compactMap { $0["condition"] as? String }
    #expect(conditions == ["unchecked", "paused", "trial"])
  }

  @Test("Any string comes back from another reader, without control characters on the way")
  func strings() throws {
    var random = RepeatableRandom(6)
    for _ in 0..<3000 {
      var text = String.UnicodeScalarView()
      for _ in 0..<Int.random(in: 0...12, using: &random) {
        let limit: [UInt32] = [0x30, 0xa0, 0x2030, 0x1_ffff]
        let value = UInt32.random(in: 0...limit[Int.random(in: 0..<4, using: &random)], using: &random)
        text.append(Unicode.Scalar(value) ?? "x")
      }
      var json = JSONWriter()
      json.array { $0.string(String(text)) }
      let read = try JSONSerialization.jsonObject(with: Data(json.bytes)) as? [String]
      #expect(read?.first.map { Array($0.unicodeScalars) } == Array(text))
      let written = String(decoding: json.bytes, as: UTF8.self).unicodeScalars
      #expect(
        !written.contains {
          $0.value < 0x20 || (0x7f...0x9f).contains($0.value) || (0x2028...0x2029).contains($0.value)
        })
    }
  }

  @Test(
    "Numbers",
    arguments: [(0, 3, "0"), (1, 3, "0.001"), (1500, 3, "1.5"), (12_000, 3, "12"), (100_000, 9, "0.0001")]
      as [(UInt64, Int, String)])
  func numbers(number: UInt64, decimals: Int, expected: String) {
    var bytes: [UInt8] = []
    bytes.write(number, decimals: decimals)
    #expect(String(decoding: bytes, as: UTF8.self) == expected)
    var whole: [UInt8] = []
    whole.write(UInt64.max)
    whole.write(Int.min)
    #expect(String(decoding: whole, as: UTF8.self) == "\(UInt64.max)\(Int.min)")
  }
}
