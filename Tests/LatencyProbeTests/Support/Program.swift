import Glibc
import HostSystem
import LatencyProbe

/// `svs` as it is typed.
enum Program {
  /// The folder of the tests, where the programs are built too.
  static let folder: String = {
    let path = CommandLine.arguments[0]
    return String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
  }()

  static func svs(_ words: [String]) throws -> (status: CInt?, output: String, errors: String) {
    try run(["\(folder)/svs"] + words)
  }

  static func run(_ words: [String]) throws -> (status: CInt?, output: String, errors: String) {
    texts(try Command(words).run(timeout: .seconds(60)))
  }

  static func texts(_ result: Command.Result) -> (status: CInt?, output: String, errors: String) {
    let texts = (String(decoding: result.output, as: UTF8.self), String(decoding: result.errors, as: UTF8.self))
    guard case .exited(let code) = result.ending else { return (nil, texts.0, texts.1) }
    return (code, texts.0, texts.1)
  }
}

/// One probe of a URL.
func probe(_ url: String, _ setting: Prober.Setting = .init()) throws -> Probe {
  try Prober(ProbeTarget(url), setting).probe()
}

extension Prober.Setting {
  static func with(_ change: (inout Prober.Setting) throws -> Void) rethrows -> Prober.Setting {
    var setting = Prober.Setting()
    try change(&setting)
    return setting
  }
}
