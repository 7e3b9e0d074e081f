import Testing

@testable import VirtualServer

@Suite("IPVS's knobs") struct KnobTests {
  @Test func defaultsCanBeSetAndNothingElse() throws {
    #expect(Knob.all.count == 27)
    #expect(Knob.all.map(\.name) == Knob.all.map(\.name).sorted())
    for knob in Knob.all {
      #expect(knob.refusal(of: knob.value) == nil)
      #expect(knob.refusal(of: "77") != nil)
      #expect(knob.refusal(of: "x") != nil)
      #expect(knob.refusal(of: "") != nil)
    }
    let threshold = try #require(Knob.named("net/ipv4/vs/sync_threshold"))
    #expect(threshold.refusal(of: "3 50") == nil)
    #expect(threshold.refusal(of: "3 51") != nil)
    #expect(threshold.refusal(of: "3 50 1") != nil)
    #expect(Knob.named("net.ipv4.vs.nosuch") == nil)
    #expect(Knob.named("conntrack") == nil)
  }
}
