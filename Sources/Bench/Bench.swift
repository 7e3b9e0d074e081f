import Glibc
import HostSystem

/// Measures this machine's director against a C twin of its hot path and against nftables, in one run.
public struct Bench {
  public enum Part: String, CaseIterable, Sendable {
    case packet, rate, connections, services, scheduling, fullnat, throughput
  }

  public let setting: BenchSetting

  public init(_ setting: BenchSetting) { self.setting = setting }

  public func run(_ part: Part) throws(BenchError) -> Report.Part {
    switch part {
    case .packet: try PerPacket(setting: setting).run()
    case .rate: try PacketRate(setting: setting).run()
    case .connections: try ManyConnections(setting: setting).run()
    case .services: try ManyServices(setting: setting).run()
    case .scheduling: try Scheduling(setting: setting).run()
    case .fullnat: try FullNAT(setting: setting).run()
    case .throughput: try Throughputs(setting: setting).run()
    }
  }

  /// What the figures were measured on.
  public static func machine() -> Report.Machine {
    var names = utsname()
    uname(&names)
    let kernel = withUnsafeBytes(of: &names.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    let description = (try? Files.text("/proc/cpuinfo")) ?? ""
    let model = description.split(separator: "\n").first { $0.hasPrefix("model name") }
    let processor = model?.split(separator: ":", maxSplits: 1).last.map { String($0.drop { $0 == " " }) }
    return Report.Machine(
      kernel: kernel, processor: processor ?? "unknown", processors: Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
  }
}
