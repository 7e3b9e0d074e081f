import Foundation
import PackagePlugin

/// Compiles the kernel's side with the swiftc and clang of the very toolchain that runs the build.
@main struct BPFBuild: BuildToolPlugin {
  /// The objects there are: their name, and the folders their Swift comes from.
  static let objects = [
    (name: "director", sources: ["Sources/Dataplane", "bpf/director"]),
    (name: "decapsulator", sources: ["bpf/decapsulator"]),
    (name: "sockets", sources: ["Sources/SocketDataplane", "bpf/sockets"]),
  ]

  func createBuildCommands(context: PluginContext, target: Target) throws -> [Command] {
    let root = context.package.directoryURL
    let headers =
      ["DataplaneTypes", "SocketDataplaneTypes"].flatMap {
        files(root.appending(path: "Sources/\($0)/include"), [".h", ".modulemap"])
      }
      + files(root.appending(path: "bpf"), [".h", ".modulemap", ".c", ".o"])
    return try Self.objects.map { object in
      let swift = object.sources.flatMap { files(root.appending(path: $0), [".swift"]) }
      let output = context.pluginWorkDirectoryURL.appending(path: "\(object.name).swift")
      let arguments = [
        try context.tool(named: "swiftc").url.path, try context.tool(named: "clang").url.path, root.path, object.name,
        output.path,
      ]
      return .buildCommand(
        displayName: "Compiling \(object.name) to eBPF", executable: try context.tool(named: "bpfc").url,
        arguments: arguments + swift.map(\.path), inputFiles: swift + headers, outputFiles: [output])
    }
  }

  private func files(_ folder: URL, _ suffixes: [String]) -> [URL] {
    let all = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)?.compactMap { $0 as? URL }
    return (all ?? []).filter { url in suffixes.contains { url.path.hasSuffix($0) } }.sorted { $0.path < $1.path }
  }
}
