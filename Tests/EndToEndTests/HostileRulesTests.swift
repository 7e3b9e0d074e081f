import Testing

@testable import Lab

/// What is no rules, given to a restore: it ends soon, says what is wrong, and takes no memory to speak of.
@Suite struct HostileRulesTests {
  /// Runs a program on what a shell's command prints, in 300 MB of memory.
  private func feed(
    _ director: DirectorLab, _ program: String, _ source: String
  ) throws -> (result: ExecutionResult, seconds: Double) {
    var result: ExecutionResult?
    let time = try seconds {
      result = try director.lab.exec(
        "director", ["sh", "-c", "\(source) | (ulimit -v 300000; exec \(program))"], timeout: .seconds(60))
    }
    return (try #require(result), time)
  }

  private static let restore = "\(Programs.ipvsadm) -R"
  private static let replace = "\(Programs.ipvsadm)-restore"

  @Test(arguments: [
    "yes 'bad words' | head -n 100000", "head -c 3000000 /dev/urandom", "head -c 100000000 /dev/zero",
    "tr '\\0' x < /dev/zero", "yes -- '-A' | head -n 100000", "printf '%s' '-A -t 10.9.9.9'",
  ])
  func garbageEndsARestore(_ source: String) async throws {
    try await withDirector(Stage.plain) { director in
      try director.ipvsadm("-A -t 10.9.9.1:80 -s rr")
      let (result, time) = try feed(director, Self.restore, source)
      #expect(!result.succeeded, "\(result.ending)")
      #expect(!result.errors.isEmpty && result.errors.utf8.count < 1_000, "\(result.errors.prefix(1_000))")
      #expect(time < 20, "\(time) s")
      #expect(try director.ipvsadm("-S -n") == "-A -t 10.9.9.1:80 -s rr\n")
    }
  }

  /// As many refusals as lines, and the lines that are right take effect.
  @Test func refusedLinesAreToldOneByOne() async throws {
    try await withDirector(Stage.plain) { director in
      let source = "(yes -- '-a -t 10.9.9.9:80 -r 10.2.0.11' | head -n 20000; echo -A -t 10.9.9.2:80 -s rr)"
      let (result, time) = try feed(director, Self.restore, source)
      #expect(result.errors.split(separator: "\n").count == 20_000)
      #expect(result.succeeded, "the status is that of the last line")
      #expect(time < 20, "\(time) s")
      #expect(try director.ipvsadm("-S -n") == "-A -t 10.9.9.2:80 -s rr\n")
    }
  }

  /// What is longer than any rules is refused before the old ones go.
  @Test(arguments: ["tr '\\0' x < /dev/zero", "yes '# comment' | head -c 300000000"])
  func tooMuchIsNotRestored(_ source: String) async throws {
    try await withDirector(Stage.plain) { director in
      try director.ipvsadm("-A -t 10.9.9.1:80 -s rr")
      let result = try director.lab.exec(
        "director", ["sh", "-c", "\(source) | \(Self.replace)"], timeout: .seconds(60))
      #expect(!result.succeeded && result.errors.contains("256 MiB"), "\(result.errors)")
      #expect(try director.ipvsadm("-S -n") == "-A -t 10.9.9.1:80 -s rr\n")
    }
  }
}
