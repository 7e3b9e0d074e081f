import Testing

@testable import VirtualServer

/// Replays what the real ipvsadm printed and returned, against the command line on a store in memory.
@Suite("Records of ipvsadm 1.31")
struct RecordReplayTests {
  @Test("Output, messages and exit status are those recorded", arguments: Records.sequences(in: "cli"))
  func replaysPublicRecords(sequence: RecordedSequence) throws { try replay(sequence) }

  @Test(
    "Output, messages and exit status are those of our own recordings", arguments: Records.sequences(in: "cli-more"))
  func replaysOwnRecords(sequence: RecordedSequence) throws { try replay(sequence) }

  @Test("All the public records are there")
  func nothingIsMissing() {
    let sequences = Records.sequences(in: "cli")
    #expect(sequences.count == 58)
    #expect(sequences.map(\.commands.count).reduce(0, +) == 736)
  }

  private func replay(_ sequence: RecordedSequence) throws {
    var shell = MiniShell(store: MemoryRuleStore())
    for command in sequence.commands where !command.cmd.hasPrefix("cat /proc/") {
      expect(try shell.run(command.cmd), like: command, in: sequence)
    }
  }

  private func expect(_ result: MiniShell.Result, like recorded: RecordedCommand, in sequence: RecordedSequence) {
    #expect(result.status == recorded.rc, "\(sequence.id): \(recorded.cmd): \(result.errors)")
    if sequence.id.hasPrefix("help-"), recorded.stdout.isEmpty || recorded.cmd.hasSuffix("-h") { return }
    let output = String(decoding: result.output, as: UTF8.self)
    let wanted = recorded.stdout
    if recorded.cmd.contains("--nosort") {
      #expect(Self.byService(output) == Self.byService(wanted), "\(sequence.id): \(recorded.cmd)")
    } else {
      #expect(output == wanted, "\(sequence.id): \(recorded.cmd)")
    }
    #expect(result.errors == recorded.stderr, "\(sequence.id): \(recorded.cmd)")
  }

  /// The order of unsorted services is chance in the kernel; that of the servers in one is not.
  private static func byService(_ text: String) -> [String] {
    var blocks: [String] = []
    for line in text.split(separator: "\n") {
      if line.hasPrefix("  ->"), !blocks.isEmpty {
        blocks[blocks.count - 1] += "\n" + line
      } else {
        blocks.append(String(line))
      }
    }
    return blocks.sorted()
  }
}
