import Foundation

/// Compiles one object and returns its bytes.
func compile(_ job: Job) throws -> Data {
  let work = job.work
  // Debian keeps asm/types.h in the architecture's own folder.
  let system = ["-ffreestanding", "-idirafter", "/usr/include/x86_64-linux-gnu", "-idirafter", "/usr/include"]
  let includes = ["Sources/DataplaneTypes/include", "Sources/SocketDataplaneTypes/include", "bpf/\(job.name)/include"]
    .map { job.root + "/" + $0 }

  // RISC-V 64 has BPF's data layout and no vector types; -O, not -Ounchecked, so that a reachable trap shows.
  try run(
    job.swiftc,
    [
      "-target", "riscv64-none-none-eabi", "-enable-experimental-feature", "Embedded", "-wmo", "-parse-as-library",
      "-swift-version", "5", "-O", "-Xfrontend", "-disable-stack-protector", "-gline-tables-only", "-D", "BPF",
      // The object must not depend on where it was built.
      "-file-prefix-map", job.root + "=.",
      "-suppress-warnings", "-module-name", "SVS_\(job.name)", "-module-cache-path", work + "/modules",
    ] + includes.flatMap { ["-I", $0] } + system.flatMap { ["-Xcc", $0] } + ["-emit-irgen"] + job.sources
      + ["-o", work + "/swift.ll"])

  let text = try String(contentsOfFile: work + "/swift.ll", encoding: .utf8)
  try adapt(text).write(toFile: work + "/bpf.ll", atomically: true, encoding: .utf8)

  let bpf = ["-target", "bpfel", "-mcpu=v3", "-O2"]
  try run(
    job.clang,
    bpf + [
      "-Xclang", "-disable-llvm-passes", "-Wno-override-module", "-c", "-emit-llvm", "-x", "ir", work + "/bpf.ll", "-o",
      work + "/swift.bc",
    ])
  // C contributes the maps with their BTF, the licence and the sections; the Swift is linked in and inlined.
  try run(
    job.clang,
    bpf + [
      "-g", "-fno-crash-diagnostics", "-ffile-prefix-map=\(job.root)=.", "-Xclang", "-fno-split-cold-code",
      "-Wno-unknown-attributes",
    ] + system
      + includes.flatMap { ["-I", $0] } + [
        "-c", job.root + "/bpf/\(job.name)/entry.bpf.c", "-Xclang", "-mlink-builtin-bitcode", "-Xclang",
        work + "/swift.bc", "-o", work + "/linked.o",
      ])
  let objcopy = (job.clang as NSString).deletingLastPathComponent + "/llvm-objcopy"
  try run(objcopy, ["--strip-debug", "--remove-section=.linker-options", work + "/linked.o", work + "/stripped.o"])
  return try Data(contentsOf: URL(fileURLWithPath: work + "/stripped.o"))
}

/// The few changes that make IR meant for RISC-V acceptable to the BPF back end.
func adapt(_ text: String) -> String {
  var result = ""
  result.reserveCapacity(text.utf8.count)
  for var line in text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
    if line.hasPrefix("@llvm.used") { continue }
    if line.hasPrefix("attributes "), line.contains("\"target-cpu\"") {
      line.replace(#/ "target-(cpu|features)"="[^"]*"/#, with: "")
      // Calls cost the verifier more than code, and BPF functions take five arguments at most.
      if !line.contains("noinline") { line.replace("{ ", with: "{ alwaysinline ") }
    }
    // Swift forbids inlining of the C functions that a @convention(c) closure calls; one left as a call has no BTF.
    if line.hasPrefix("attributes "), line.hasSuffix("= { noinline }") { line.replace("noinline", with: "nounwind") }
    // Swift marks single calls of imported inline functions like this; a C function left on its own has no BTF.
    if line.hasPrefix("attributes "), line.hasSuffix("= { noinline }") { line.replace("noinline", with: "nounwind") }
    if line.contains("!DI") {
      line.replace("DISubroutineType(types: null)", with: "DISubroutineType(types: !{null})")
      line.replace("spFlags: DISPFlagDefinition", with: "spFlags: DISPFlagLocalToUnit | DISPFlagDefinition")
      line.replace(#/DISubprogram\(linkageName: "\$?([^"]*)"/#) {
        "DISubprogram(name: \"\($0.1)\", linkageName: \"\($0.1)\""
      }
    }
    result += line + "\n"
  }
  return result
}

/// Writes a Swift file that holds the object as base64: a literal costs nothing until it is decoded.
func embed(_ object: Data, _ job: Job) throws {
  let source = """
    // Made by bpfc from bpf/\(job.name); do not edit.
    extension DataplaneObject {
      static let \(job.name)Base64: StaticString = "\(object.base64EncodedString())"
    }

    """
  try source.write(toFile: job.output, atomically: true, encoding: .utf8)
  print("\(job.name): \(object.count) bytes of BPF object")
}
