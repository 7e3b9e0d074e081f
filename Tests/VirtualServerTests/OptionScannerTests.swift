import Testing

@testable import VirtualServer

@Suite("Option scanner")
struct OptionScannerTests {
  /// Every option found as `letter-or-name=argument`, then what was left over.
  private func scan(_ arguments: String...) -> [String] {
    var scanner = OptionScanner(arguments)
    var found: [String] = []
    do {
      while let option = try scanner.nextOption() {
        let name = OptionTable.spellings.first { $0.word == option.word }?.long ?? "?"
        found.append(option.argument.map { "\(name)=\($0)" } ?? name)
      }
    } catch {
      found.append("\(scanner.current): \(error.text)")
    }
    while let argument = scanner.nextLeftOverArgument() { found.append("<\(argument)>") }
    return found
  }

  @Test("Letters group, and the last may take an argument")
  func groups() {
    #expect(scan("-Ln") == ["list", "numeric"])
    #expect(scan("-Lnt", "10.0.0.1:80") == ["list", "numeric", "tcp-service=10.0.0.1:80"])
    #expect(scan("-at10.0.0.1:80") == ["add-server", "tcp-service=10.0.0.1:80"])
    #expect(scan("-w=3") == ["weight=3"])
    #expect(scan("-w=") == ["weight="])
    #expect(scan("-mw", "3") == ["masquerading", "weight=3"])
  }

  @Test("Long names take their argument after = or as the next word, and are not abbreviated")
  func longNames() {
    #expect(scan("--weight=3", "--weight", "4") == ["weight=3", "weight=4"])
    #expect(scan("--weight=a=b") == ["weight=a=b"])
    #expect(scan("--weigh", "3") == ["--weigh: unknown option"])
    #expect(scan("--numeric=1") == ["--numeric=1: option does not take an argument"])
    #expect(scan("-n=1") == ["-n=1: option does not take an argument"])
  }

  @Test("An option that must have an argument takes whatever comes next")
  func arguments() {
    #expect(scan("-t", "-u") == ["tcp-service=-u"])
    #expect(scan("-A", "-t") == ["add-service", "-t: missing argument"])
    #expect(scan("-At") == ["add-service", "-At: missing argument"])
    #expect(scan("-w", "") == ["weight="])
  }

  @Test("An option that may have one leaves what begins with a dash")
  func optionalArguments() {
    #expect(scan("-p") == ["persistent"])
    #expect(scan("-p", "-n") == ["persistent", "numeric"])
    #expect(scan("-p", "30", "-n") == ["persistent=30", "numeric"])
    #expect(scan("-p30") == ["persistent=30"])
    #expect(scan("-pn") == ["persistent=n"])
    #expect(scan("--persistent=30") == ["persistent=30"])
    #expect(scan("-p", "--", "-n") == ["persistent", "<-n>"])
  }

  @Test("Words without an option are put aside, and all that follow --")
  func leftOver() {
    #expect(scan("a", "-n", "b") == ["numeric", "<a>", "<b>"])
    #expect(scan("-", "") == ["<->", "<>"])
    #expect(scan("-n", "--", "-L", "--") == ["numeric", "<-L>", "<-->"])
  }

  @Test("Every spelling is found again by its name and its letter")
  func tableIsWhole() {
    for spelling in OptionTable.spellings {
      #expect(OptionTable.spelling(long: spelling.long)?.word == spelling.word)
      if let letter = spelling.letter { #expect(OptionTable.spelling(letter: letter)?.word == spelling.word) }
    }
  }
}
