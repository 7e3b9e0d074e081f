import Measurement
import Testing

@testable import Throughput

/// Loss, disorder and jitter of datagrams, and the figures of reports.
@Suite struct AccountTests {
  private func head(_ number: UInt64, at microseconds: UInt64) -> DatagramHead {
    DatagramHead(
      seconds: UInt32(microseconds / 1_000_000), microseconds: UInt32(microseconds % 1_000_000), number: number)
  }

  private func account(_ numbers: [UInt64]) -> DatagramAccount {
    var account = DatagramAccount()
    for number in numbers { account.take(head(number, at: 0), arrivedSeconds: 0, microseconds: 0) }
    return account
  }

  @Test func inOrder() {
    let account = account([1, 2, 3])
    #expect(account.packets == 3 && account.lost == 0 && account.outOfOrder == 0)
  }

  @Test func gapsAreLost() { #expect(account([1, 2, 5, 9]).lost == 5) }

  @Test("One that comes late is not lost, but out of order") func late() {
    let account = account([1, 3, 2, 4])
    #expect(account.lost == 0 && account.outOfOrder == 1 && account.packets == 4)
  }

  @Test func aSteadyPathHasNoJitter() {
    var account = DatagramAccount()
    for number in 1...100 as ClosedRange<UInt64> {
      let sent = number * 10_000
      let arrived = sent + 3_600_000_000 + 250
      account.take(
        head(number, at: sent), arrivedSeconds: UInt32(arrived / 1_000_000), microseconds: UInt32(arrived % 1_000_000))
    }
    #expect(account.jitter < 1e-9)
  }

  @Test("RFC 3550: each difference moves the jitter by a sixteenth") func jitter() {
    var account = DatagramAccount()
    account.take(head(1, at: 0), arrivedSeconds: 0, microseconds: 100)
    account.take(head(2, at: 1000), arrivedSeconds: 0, microseconds: 1100 + 160)
    #expect(abs(account.jitter - 0.000_010) < 1e-12)
  }

  @Test(arguments: [1, 2, 3, 4] as [UInt64]) func lossAndArrivalsMakeUpAll(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var numbers = Array(1...500 as ClosedRange<UInt64>)
    let last = numbers.removeLast()
    numbers = numbers.filter { _ in Double.random(in: 0..<1, using: &generator) > 0.1 }
    // Neighbours change places, nothing comes twice.
    for index in stride(from: 0, to: numbers.count - 1, by: 2) where Bool.random(using: &generator) {
      numbers.swapAt(index, index + 1)
    }
    numbers.append(last)
    let account = account(numbers)
    #expect(account.packets == 500)
    #expect(Int(account.lost) == 500 - numbers.count)
  }

  @Test(
    "Three digits and the largest unit, as iperf3 prints it",
    arguments: [
      (0.0, "0.00 Bytes"), (1023, "1023 Bytes"), (1024, "1.00 KBytes"), (131_072, " 128 KBytes"),
      (10_485_760, "10.0 MBytes"), (9.74 * 1_073_741_824, "9.74 GBytes"), (3.62 * 1_048_576, "3.62 MBytes"),
    ] as [(Double, String)])
  func amounts(_ bytes: Double, _ expected: String) { #expect(RateFormat.amount(bytes) == expected) }

  @Test func rates() {
    #expect(RateFormat.bits.rate(bytes: 131_072, seconds: 1) == "1.05 Mbits/sec")
    #expect(RateFormat.kilobits.rate(bytes: 1_310_720, seconds: 1) == "10486 Kbits/sec")
    #expect(RateFormat.megabytes.rate(bytes: 1767 * 1_048_576, seconds: 1) == "1767 MBytes/sec")
    #expect(RateFormat.bits.rate(bytes: 0, seconds: 0) == "0.00 bits/sec")
  }

  @Test(
    arguments: [
      ("10M", 10 << 20, 10_000_000), ("1.5k", 1536, 1500), ("7", 7, 7), ("2g", 2 << 30, 2_000_000_000),
      ("0", 0, 0),
    ] as [(String, UInt64, UInt64)])
  func scaledNumbers(_ text: String, _ amount: UInt64, _ rate: UInt64) {
    #expect(ScaledNumber.amount(text) == amount && ScaledNumber.rate(text) == rate)
  }

  @Test(arguments: ["", "k", "-1", "1x", "1e400", "nan", "inf", "9e18t", "0x10", " 1"]) func noNumbers(_ text: String) {
    #expect(ScaledNumber.amount(text) == nil, "\(text)")
  }
}
