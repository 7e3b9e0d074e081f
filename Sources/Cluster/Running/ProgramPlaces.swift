import Glibc
import HostSystem

/// Where the programs are that run in a cluster's pods.
struct ProgramPlaces: Sendable {
  /// `svs-instruments` and `svs-ingress`, which `svs webapp` and `svs ingress` become.
  var instruments: String
  var ingress: String

  /// - Parameter folder: of the programs; without one, this program's own, or `libexec/svs` beside it.
  init(folder: String?) {
    let folders = folder.map { [$0, "\($0)/../libexec/svs"] } ?? [Self.ownFolder, "\(Self.ownFolder)/../libexec/svs"]
    func place(_ name: String) -> String {
      (folders.first { access("\($0)/\(name)", X_OK) == 0 } ?? folders[0]) + "/\(name)"
    }
    instruments = place("svs-instruments")
    ingress = place("svs-ingress")
  }

  /// Throws for the first of some programs that cannot be run.
  static func check(_ programs: [String]) throws(ClusterError) {
    for program in programs {
      if program.contains("/") {
        guard access(program, X_OK) == 0 else {
          throw .missingProgram(program, hint: "build it (swift build), or say where the programs are")
        }
      } else if !isOnPath(program) {
        throw .missingProgram(program, hint: packages[program].map { "apt install \($0)" } ?? "it is not on the PATH")
      }
    }
  }

  /// Debian's packages of what a cluster runs.
  private static let packages = ["dnsmasq": "dnsmasq-base", "nft": "nftables", "locust": "python3-locust"]

  private static func isOnPath(_ name: String) -> Bool {
    let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/sbin:/usr/bin:/sbin:/bin"
    return path.split(separator: ":").contains { access("\($0)/\(name)", X_OK) == 0 }
  }

  private static var ownFolder: String {
    var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = readlink("/proc/self/exe", &buffer, buffer.count)
    let path = String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
    return path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
  }
}
