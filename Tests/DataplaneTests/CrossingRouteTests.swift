import DataplaneTesting
import Testing

@testable import Dataplane

/// Packets that name hosts to pass through do not cross.
extension CrossingTests {
  /// RFC 7915, section 4.1: one that is not at its end is refused; one that is, and what only looks like one, crosses.
  @Test(
    arguments: [
      ([131, 7, 4, 10, 0, 0, 9, 0], true), ([137, 7, 4, 10, 0, 0, 9, 0], true), ([1, 1, 1, 1, 1, 137, 3, 3], true),
      ([131, 7, 8, 10, 0, 0, 9, 0], false), ([7, 7, 4, 0, 0, 0, 0, 0], false), ([0, 131, 7, 4, 1, 1, 1, 1], false),
      ([148, 4, 131, 3, 0, 0, 0, 0], false), ([68, 0, 131, 7, 4, 1, 1, 1], false),
      ([68, 40, 131, 7, 4, 1, 1, 1], false),
      ([UInt8](repeating: 1, count: 37) + [131, 3, 3], true), ([UInt8](repeating: 1, count: 40), false),
      ([148, 38] + [UInt8](repeating: 131, count: 36) + [1, 1], false),
    ] as [([UInt8], Bool)])
  func sourceRoutesAreRefused(_ options: [UInt8], isRefused: Bool) {
    var packet = request(six: false)
    packet.options = options
    let (verdict, frame) = state.process(packet.bytes)
    #expect(verdict == .redirect && events(.sourceRouted) == (isRefused ? 1 : 0))
    guard isRefused else {
      #expect(Seen(frame).isIPv6 && TestFragments.sumsHold(frame))
      return
    }
    #expect(Array(frame[34..<36]) == [3, 5] && Seen(frame).destination == packet.source)
    #expect(frame[42...] == packet.bytes[14...], "what it quotes is what came")
    #expect(internetChecksum(Array(frame[34...])) == 0)

    // A later fragment earns no answer.
    packet.payload = [UInt8](repeating: 5, count: 3000)
    packet.fragment = 0
    packet.options = []
    var pieces = TestFragments.cut(packet.bytes, every: 1200)
    #expect(state.process(pieces[0]).0 == .redirect)
    packet.fragment = 150
    packet.options = options
    packet.payload = [UInt8](repeating: 5, count: 1192)
    pieces[1] = packet.bytes
    #expect(state.process(pieces[1]).0 == .drop && events(.crossingDropped) == 1 && events(.sourceRouted) == 1)
  }

  /// RFC 7915, section 5.1: a routing header with segments left is a parameter problem at those.
  @Test(arguments: [0, 1, 2])
  func routingHeadersAreRefused(before: Int) {
    var packet = request(six: true)
    let others = (0..<before).map { _ in (UInt8(60), [UInt8](arrayLiteral: 1, 4, 0, 0, 0, 0)) }
    packet.extensions = others + [(43, [4, 0, 0, 0, 0, 0])]
    let (verdict, frame) = state.process(packet.bytes)
    #expect(verdict == .redirect && !Seen(frame).isIPv6 && events(.sourceRouted) == 0)

    packet.extensions = others + [(43, [4, 1, 0, 0, 0, 0])]
    let (refused, answer) = state.process(packet.bytes)
    #expect(refused == .redirect && events(.sourceRouted) == 1)
    #expect(Array(answer[54..<56]) == [4, 0] && Seen(answer).destination == packet.source)
    #expect(Array(answer[58..<62]) == [0, 0, 0, UInt8(40 + 8 * before + 3)])
    #expect(answer[62...] == packet.bytes[14...] && TestFragments.sumsHold(answer))
  }
}
