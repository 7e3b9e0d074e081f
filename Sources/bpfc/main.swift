// bpfc SWIFTC CLANG ROOT NAME OUT.swift SOURCE.swift…
//
// Swift to LLVM IR to a BPF object, and that into a Swift file that embeds it. The recipe, and why each step is
// there, is told in docs/decisions/0002-swift-to-ebpf.md.
import Foundation

struct Job {
  let swiftc: String
  let clang: String
  let root: String
  let name: String
  let output: String
  let sources: [String]

  init?(_ arguments: [String]) {
    guard arguments.count > 6 else { return nil }
    (swiftc, clang, root) = (arguments[1], arguments[2], arguments[3])
    (name, output) = (arguments[4], arguments[5])
    sources = Array(arguments[6...])
  }

  var work: String { (output as NSString).deletingLastPathComponent + "/" + name }
  var prebuilt: String { root + "/bpf/prebuilt/\(name).o" }
}

guard let job = Job(CommandLine.arguments) else {
  fail("usage: bpfc SWIFTC CLANG ROOT NAME OUT.swift SOURCE.swift…")
}
do {
  try FileManager.default.createDirectory(atPath: job.work, withIntermediateDirectories: true)
  let object: Data
  if try clangKnowsBPF(job.clang) {
    object = try compile(job)
  } else {
    print("bpfc: \(job.clang) has no BPF back end: taking bpf/prebuilt/\(job.name).o")
    object = try Data(contentsOf: URL(fileURLWithPath: job.prebuilt))
  }
  try object.write(to: URL(fileURLWithPath: job.work + "/\(job.name).o"))
  try embed(object, job)
} catch {
  fail("\(job.name): \(error)")
}

func fail(_ message: String) -> Never {
  FileHandle.standardError.write(Data("bpfc: \(message)\n".utf8))
  exit(1)
}

struct CommandFailed: Error, CustomStringConvertible {
  let command: String
  let status: Int32
  var description: String { "\(command): exit status \(status)" }
}

func run(_ tool: String, _ arguments: [String]) throws {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: tool)
  process.arguments = arguments
  try process.run()
  process.waitUntilExit()
  guard process.terminationReason == .exit, process.terminationStatus == 0 else {
    throw CommandFailed(command: ([tool] + arguments).joined(separator: " "), status: process.terminationStatus)
  }
}

func clangKnowsBPF(_ clang: String) throws -> Bool {
  let process = Process()
  let output = Pipe()
  process.executableURL = URL(fileURLWithPath: clang)
  process.arguments = ["-print-targets"]
  process.standardOutput = output
  try process.run()
  let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
  process.waitUntilExit()
  return text.contains("bpfel")
}
