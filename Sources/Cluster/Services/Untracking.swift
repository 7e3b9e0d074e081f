import Glibc
import HostSystem
import KernelDirector
import Netlink

/// Keeps the kernel's connection tracking away from what the director translates, by an nftables table of its own.
///
/// The director sends from svs1 past netfilter, so tracking sees half of a connection only: it takes replies for invalid,
/// and the overlay's masquerading would write another source over a pod's request on its way to svs0. What is not tracked
/// is not translated either. `notrack` stands before tracking, whatever other tables do.
struct Untracking {
  static let table = "svs_services"

  /// What is not to be tracked.
  static func script(_ intake: RoutedIntake) -> String {
    let addresses = (intake.networks + intake.localAddresses).map { "\($0.network)" }.joined(separator: ", ")
    var matches = ["ip daddr { \(addresses) } notrack"]
    if let host = intake.host {
      for (proto, ranges) in intake.hostPorts.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
        let ports = ranges.map { "\($0.lowerBound)-\($0.upperBound)" }.joined(separator: ", ")
        matches.append("ip daddr \(host) meta l4proto \(proto.rawValue) th dport { \(ports) } notrack")
      }
    }
    let lines = matches.map { "    \($0)\n" }.joined()
    return """
      \(removal)table ip \(table) {
        chain prerouting {
          type filter hook prerouting priority raw
          iifname { "svs0", "svs1" } notrack
      \(lines)  }
        chain output {
          type filter hook output priority raw
      \(lines)  }
      }

      """
  }

  /// Whether it is there or not: made first, so that there is something to delete.
  static let removal = "table ip \(table)\ndelete table ip \(table)\n"

  /// Fails where it is not there.
  static let question = "list table ip \(table)\n"

  /// Runs a script in the calling thread's network namespace; the reason, where that fails.
  static func run(_ script: String) -> String? {
    do {
      let result = try Command(["nft", "-f", "-"]).run(input: Array(script.utf8))
      if result.ending == .exited(code: 0) { return nil }
      let words = String(decoding: result.errors, as: UTF8.self).split(separator: "\n").first.map(String.init)
      return words ?? "nft ended with \(result.ending)"
    } catch {
      return error.code == ENOENT ? "nft is missing; install the package nftables" : "\(error)"
    }
  }
}
