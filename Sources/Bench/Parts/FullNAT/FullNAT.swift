import HostSystem
import Netlink

/// What FULLNAT costs beside NAT, how many connections its addresses hold, and how fast it opens them.
struct FullNAT {
  let setting: BenchSetting

  func run() throws(BenchError) -> Report.Part {
    var part = Report.Part(
      "FULLNAT", unit: "see each row",
      method:
        "packets by BPF_PROG_TEST_RUN, the subjects in turn, less what an empty program costs; new connections by "
        + "live frames on one core; connections held are TCP sockets, each of which gets an echo while all stand")
    try ExchangeCost(setting: setting).measure(into: &part)
    try NewConnections(setting: setting).measure(into: &part)
    try HeldConnections(setting: setting).measure(into: &part)
    return part
  }

  /// A literal of the bench's network.
  static func address(_ text: String) -> IPAddress {
    guard let address = IPAddress(text) else { preconditionFailure("\(text) is an address") }
    return address
  }

  static func single(_ value: Double) -> Samples {
    var samples = Samples()
    samples.add(value)
    return samples
  }
}
