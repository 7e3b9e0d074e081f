import KernelDirector
import Testing

@testable import VirtualServer

@Suite("IPVS's knobs") struct KnobTests {
  @Test func everyKnobTakesItsDefaultAndNoNonsense() {
    let kernels = Knob.all.filter { $0.name.hasPrefix(Knob.prefix) }
    #expect(kernels.count == 29)
    #expect(kernels.map(\.name) == kernels.map(\.name).sorted())
    for knob in Knob.all {
      var knobs = Knobs()
      #expect(knob.value(in: knobs) == knob.initial)
      #expect(knob.set(knob.initial, in: &knobs) == nil)
      for nonsense in ["x", "", "-1", "99999999999", "1 2 3"] { #expect(knob.set(nonsense, in: &knobs) != nil) }
      #expect(knobs == Knobs(), "\(knob.name)")
    }
  }

  @Test func effectiveKnobsKeepWhatTheyAreSetTo() {
    var effective = 0
    for knob in Knob.all {
      var knobs = Knobs()
      let refusal = knob.set("77", in: &knobs)
      if case .effective = knob.standing {
        #expect(refusal == nil)
        #expect(knob.value(in: knobs) == "77")
        #expect(knobs != Knobs())
        effective += 1
      } else {
        #expect(refusal != nil)
        #expect(knobs == Knobs())
      }
    }
    #expect(effective == 1 + 8)
  }

  @Test func namesAndLists() throws {
    let threshold = try #require(Knob.named("net/ipv4/vs/sync_threshold"))
    var knobs = Knobs()
    #expect(threshold.set("3 50", in: &knobs) == nil)
    #expect(threshold.set("3 51", in: &knobs) != nil)
    #expect(threshold.set("3 50 1", in: &knobs) != nil)
    #expect(Knob.named("net.ipv4.vs.nosuch") == nil)
    #expect(Knob.named("conntrack") == nil)
  }
}
