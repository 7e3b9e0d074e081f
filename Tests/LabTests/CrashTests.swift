import CSystem
import Glibc
import HostSystem
import Netlink
import Testing

@testable import Lab

/// Owners that are killed: `Tests/LabOwner`, built beside the tests.
@Suite struct CrashTests {
  private func ownerProgram() throws -> String {
    let folder = CommandLine.arguments[0].split(separator: "/", omittingEmptySubsequences: false).dropLast()
    let path = (folder + ["LabOwner"]).joined(separator: "/")
    try #require(access(path, X_OK) == 0, "\(path) is built with the tests")
    return path
  }

  private func namespaces(_ name: String) -> [String] { NetworkNamespace.names().filter { $0.hasPrefix("\(name)-") } }

  /// Starts an owner and kills it once its journal has the given number of lines; what the journal said by then.
  private func killOwner(_ name: String, afterLines lines: Int) throws -> Journal? {
    let null = try Descriptor(checking: open("/dev/null", O_RDWR | O_CLOEXEC), "open /dev/null")
    let pid = try Command([try ownerProgram(), name, "ephemeral"]).start(
      input: null.number, output: null.number, errors: 2)
    let deadline = Deadline(in: .seconds(10))
    var text = ""
    while !deadline.hasPassed, text.split(separator: "\n").count < lines {
      text = (try? Files.text("/run/svs/labs/\(name)/journal")) ?? ""
      sched_yield()
    }
    kill(pid, SIGKILL)
    var status: CInt = 0
    waitpid(pid, &status, 0)
    #expect(status & 0x7F == SIGKILL, "it was killed, and did not end by itself")
    #expect(!deadline.hasPassed)
    return Journal(text)
  }

  /// Sweeps until the name is free: another test's sweep may be at it already.
  private func sweep(_ name: String) -> Bool {
    let deadline = Deadline(in: .seconds(10))
    repeat {
      Lab.sweep()
      if access("/run/svs/labs/\(name)", F_OK) != 0 { return true }
      usleep(1000)
    } while !deadline.hasPassed
    return false
  }

  /// From before the first namespace, at 2 lines, to a lab that is complete with its processes, at 9.
  @Test(arguments: 1...9)
  func whatAKilledOwnerLeftIsSwept(_ lines: Int) throws {
    let name = "crash-\(getpid())-\(lines)"
    let journal = try #require(try killOwner(name, afterLines: lines))
    if lines == 9 { #expect(journal.isReady && journal.processes.count == 2 && journal.namespaces.count == 2) }
    #expect(sweep(name))
    #expect(namespaces(name).isEmpty)
    for process in journal.processes { #expect(ProcessTable.start(of: process.pid) != process.start) }
  }

  @Test func aNewLabMayHaveADeadOnesName() throws {
    let name = "again-\(getpid())"
    _ = try killOwner(name, afterLines: 9)
    let lab = try Lab(Topology(hosts: [.init("c")]), name: name)
    #expect(namespaces(name) == ["\(name)-c"])
    try lab.down()
  }

  @Test func aKeptLabStaysUntilItIsTakenDown() throws {
    let name = "kept-\(getpid())"
    let result = try Command([try ownerProgram(), name, "kept"]).run()
    #expect(result.ending == .exited(code: 0), "\(String(decoding: result.errors, as: UTF8.self))")
    Lab.sweep()
    #expect(namespaces(name) == ["\(name)-a", "\(name)-b"])
    let summary = try #require(Lab.list().first { $0.name == name })
    #expect(summary.isReady && summary.lifetime == .kept)
    #expect(summary.hosts.map(\.name) == ["a", "b"])
    #expect(summary.hosts.allSatisfy { $0.processes.count == 1 && $0.processes[0].isRunning })
    try Lab.down(name)
    #expect(namespaces(name).isEmpty)
    let error = #expect(throws: LabError.self) { try Lab.down(name) }
    guard case .noSuchLab? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  /// A namespace of the same name that somebody else has made is not ours to delete.
  @Test func whatOthersMadeIsLeftAlone() throws {
    let name = "others-\(getpid())"
    _ = try Command([try ownerProgram(), name, "kept"]).run()
    try NetworkNamespace.delete("\(name)-a")
    let theirs = try NetworkNamespace.create("\(name)-a")
    try Lab.down(name)
    #expect(namespaces(name) == ["\(name)-a"])
    #expect(try NetworkNamespace.named("\(name)-a").cookie == theirs.cookie)
    let refused = #expect(throws: LabError.self) { _ = try Lab(Topology(hosts: [.init("a")]), name: name) }
    #expect(refused?.description.contains("somebody else's") == true)
    #expect(namespaces(name) == ["\(name)-a"])
    try NetworkNamespace.delete("\(name)-a")
  }
}
