import Measurement
import Testing

@Suite("Figures, tables and CSV")
struct TextTests {
  @Test("Durations in the unit that suits them")
  func durations() {
    #expect(Figures.duration(0.003141) == "3.14 ms")
    #expect(Figures.duration(0.000812) == "812 µs")
    #expect(Figures.duration(1.25) == "1.25 s")
    #expect(Figures.duration(0.0000000005) == "0.500 ns")
    #expect(Figures.duration(0.00099999) == "1.00 ms")
    #expect(Figures.duration(0) == "0 s")
    #expect(Figures.duration(.nan) == "-")
    #expect(Figures.seconds(0.0013264) == "0.001326")
  }

  @Test("Numbers, shares and rates")
  func numbers() {
    #expect(Figures.grouped(1_234_567) == "1,234,567")
    #expect(Figures.grouped(-12_345) == "-12,345")
    #expect(Figures.grouped(9999) == "9999")
    #expect(Figures.significant(0.0123) == "0.0123")
    #expect(Figures.significant(123.4) == "123")
    #expect(Figures.percent(0.4321) == "43.2 %")
    #expect(Figures.ratio(0.9734) == "0.973 ×")
    #expect(Figures.value(3.22e9, unit: "bit/s") == "3.22 Gbit/s")
    #expect(Figures.value(16_000, unit: "1/s") == "16,000 /s")
  }

  @Test("A table's columns are as wide as they need be")
  func table() {
    var table = TextTable([.init("name", .left), .init("value")])
    table.add(["a", "1"])
    table.addRule()
    table.add(["longer", "12.25"])
    #expect(table.text == "name    value\na           1\n------  -----\nlonger  12.25\n")
  }

  @Test("Fields are quoted where CSV asks for it")
  func csv() {
    var csv = CSV(["url", "x"])
    csv.add(["http://a/?b=\"c\",d", "1"])
    #expect(csv.text == "url,x\n\"http://a/?b=\"\"c\"\",d\",1\n")
  }
}
