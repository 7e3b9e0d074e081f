import KernelDirector
import Testing

@testable import VirtualServer

/// Random command lines: whatever they are, nothing crashes, and a command that fails changes nothing.
///
/// The seed is printed; set `SVS_SEED` to run one again.
@Suite("Random command lines")
struct FuzzTests {
  @Test("A command that fails leaves the rules as they were")
  func failingCommandsChangeNothing() throws {
    var random = SeededGenerator.announced("failing commands")
    let words = WordPool()
    let store = MemoryRuleStore()
    var failed = 0
    for round in 0..<20_000 {
      if round % 500 == 0 { try store.clear() }
      let line = words.line(using: &random)
      let before = try dump(store)
      let (status, console) = run(line, on: store)
      if status == 0 { continue }
      failed += 1
      #expect(try dump(store) == before, "\(line) failed with \(status) and changed the rules")
      #expect(!console.errors.isEmpty, "\(line) failed with \(status) and said nothing")
    }
    #expect(failed > 1000)
  }

  @Test("A restore does what its lines would do one by one")
  func restoresAreTheirLines() throws {
    var random = SeededGenerator.announced("restores")
    let words = WordPool()
    for _ in 0..<400 {
      let lines = (0..<Int.random(in: 0..<12, using: &random)).map { _ in
        words.line(using: &random).filter { !$0.isEmpty && !$0.contains(where: \.isWhitespace) && $0 != "-R" }
      }
      let whole = MemoryRuleStore()
      let text = lines.map { $0.joined(separator: " ") }.joined(separator: "\n")
      let (status, _) = run(["-R"], on: whole, input: Array(text.utf8))
      let single = MemoryRuleStore()
      var last: Int32 = 0
      for line in lines where !line.isEmpty {
        let (status, console) = run(line, on: single)
        last = status
        let goesOn = status == 0 || status == 255 && !console.errors.hasPrefix("Try ")
        // Help and the version end a restore; an option that asks for them need not be the line's first word.
        let ends = console.output.hasPrefix("ipvsadm v1.31")
        if !goesOn || ends { break }
      }
      #expect(try dump(whole) == dump(single), "\(text)")
      #expect(status == last, "\(text)")
    }
  }

  @Test("Random bytes are taken as a restore without a crash")
  func randomBytes() throws {
    var random = SeededGenerator.announced("random bytes")
    let alphabet = Array("-AaEeDdLZSCtufrswxybMpgimn6 0123456789.:[]/=\t\n\r\0ipvsadm\u{e9}".utf8)
    for _ in 0..<2_000 {
      let bytes = (0..<Int.random(in: 0..<400, using: &random)).map { _ in
        Int.random(in: 0..<20, using: &random) == 0
          ? UInt8.random(in: 0...255, using: &random) : alphabet.randomElement(using: &random) ?? 0
      }
      _ = run(["-R"], on: MemoryRuleStore(), input: bytes)
    }
  }

  @Test("What -S prints, -R reads back to the same rules")
  func roundTrips() throws {
    var random = SeededGenerator.announced("round trips")
    for _ in 0..<150 {
      let store = MemoryRuleStore()
      RandomRules.fill(store, using: &random)
      for numeric in [["-n"], []] {
        let (saved, console) = run(["-S"] + numeric, on: store)
        #expect(saved == 0)
        let restored = MemoryRuleStore()
        let (status, messages) = run(["-R"], on: restored, input: Array(console.output.utf8))
        #expect(status == 0, "\(messages.errors)\n\(console.output)")
        let again = run(["-S"] + numeric, on: restored).1.output
        #expect(again == console.output)
        #expect(run(["-Ln"], on: restored).1.output == run(["-Ln"], on: store).1.output)
      }
    }
  }

  private func run(_ arguments: [String], on store: MemoryRuleStore, input: [UInt8] = []) -> (Int32, MemoryConsole) {
    var interpreter = CommandInterpreter(
      program: "ipvsadm", names: TableOfNames(), console: MemoryConsole(input: input)
    ) { () throws(DirectorError) in store }
    let status = interpreter.run(arguments)
    return (status, interpreter.console)
  }

  private func dump(_ store: MemoryRuleStore) throws -> String {
    "\(try store.services()) \(try store.timeouts()) \(try store.syncDaemons())"
  }
}
