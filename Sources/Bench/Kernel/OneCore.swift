import CSystem
import HostSystem

/// Runs a closure with the calling thread kept on one processor, the last one that it may use.
///
/// What the thread's packets cause in the kernel (the devices' softirqs) runs there too, so that a rate is that of one
/// core.
func onOneCore<R>(_ body: () throws(BenchError) -> R) throws(BenchError) -> R {
  var before = svs_processors()
  var one = svs_processors()
  try attempt { () throws(SystemError) in
    try SystemError.check(svs_get_processors(&before), "ask for this thread's processors")
    withUnsafeBytes(of: &before) { from in
      withUnsafeMutableBytes(of: &one) { to in
        guard let last = from.lastIndex(where: { $0 != 0 }) else { return }
        to[last] = 1 << UInt8(7 - from[last].leadingZeroBitCount)
      }
    }
    try SystemError.check(svs_set_processors(&one), "keep to one processor")
  }
  defer { svs_set_processors(&before) }
  return try body()
}
