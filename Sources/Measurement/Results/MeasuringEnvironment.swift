import CSystem
import Glibc
import HostSystem

/// The machine that measured: what a figure depends on beside the measured thing.
public struct MeasuringEnvironment: Codable, Hashable, Sendable {
  public var host: String
  /// The kernel's release, as `uname -r` prints it.
  public var kernel: String
  public var architecture: String
  public var processor: String
  /// Processors that this process may run on.
  public var processors: Int
  /// TCP's congestion control where nothing else is asked for; nil where the kernel does not tell.
  public var congestionControl: String?

  /// This machine, in this network namespace.
  public static var here: MeasuringEnvironment {
    var name = utsname()
    uname(&name)
    var allowed = svs_processors()
    let count =
      svs_get_processors(&allowed) == 0
      ? withUnsafeBytes(of: allowed) { $0.reduce(0) { $0 + $1.nonzeroBitCount } } : sysconf(Int32(_SC_NPROCESSORS_ONLN))
    return MeasuringEnvironment(
      host: text(name.nodename), kernel: text(name.release), architecture: text(name.machine), processor: model,
      processors: count, congestionControl: try? Sysctls.get("net.ipv4.tcp_congestion_control"))
  }

  private static func text<Characters>(_ characters: Characters) -> String {
    withUnsafeBytes(of: characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }

  private static var model: String {
    let lines = ((try? Files.text("/proc/cpuinfo")) ?? "").split(separator: "\n")
    let line = lines.first { $0.hasPrefix("model name") || $0.hasPrefix("CPU part") }
    return line?.split(separator: ":", maxSplits: 1).last.map { String($0.drop { $0 == " " }) } ?? "unknown"
  }
}
