import DataplaneTypes
import HostSystem

extension UnsafeMutablePointer where Pointee == svs_config {
  /// Takes over how often the kernel answers one host by ICMP: the director answers as often.
  ///
  /// The settings are this namespace's `net.ipv4.icmp_ratelimit` and `net.ipv6.icmp.ratelimit`, in milliseconds between
  /// answers; 0 means no limit.
  func limitAnswers() {
    func ticks(_ key: String) -> UInt32 {
      // Where it cannot be read, the kernel's default.
      let milliseconds = (try? Sysctls.get(key)).flatMap { UInt64($0) } ?? 1000
      if milliseconds == 0 { return 0 }
      return max(UInt32(clamping: (milliseconds &* 1_000_000) >> UInt64(SVS_TICK_SHIFT)), 1)
    }
    pointee.answer_interval4 = ticks("net.ipv4.icmp_ratelimit")
    pointee.answer_interval6 = ticks("net.ipv6.icmp.ratelimit")
  }
}
