import BenchTypes
import CLibbpf
import Glibc
import HostSystem

/// Sends frames from the client as fast as one core can, and counts them at the servers.
///
/// The sender is an XDP program run with BPF_F_TEST_XDP_LIVE_FRAMES; the receiver one on the servers' device, which
/// counts and drops. Neither makes socket buffers, so that the director is most of what is measured.
struct LiveTraffic: ~Copyable {
  private let traffic: BPFObject

  init(_ network: borrowing BenchNetwork, objects: String) throws(BenchError) {
    let loaded = try attempt { () throws(SystemError) in try BPFObject("\(objects)/traffic.o") }
    let arrive = try attempt { () throws(SystemError) in try loaded.program("arrive") }
    try network.inside("servers") { () throws(BenchError) in
      try attempt { () throws(SystemError) in
        guard bpf_xdp_attach(CInt(if_nametoindex("r0")), arrive, UInt32(XDP_FLAGS_DRV_MODE), nil) == 0 else {
          throw .last("count at the servers' device")
        }
      }
    }
    traffic = loaded
  }

  /// What a run came to.
  struct Outcome {
    var sent: Int
    var arrived: Int
    var seconds: Double

    /// Of the frames that arrived.
    var nanosecondsPerPacket: Double { arrived > 0 ? seconds * 1e9 / Double(arrived) : .infinity }
  }

  /// Sends `count` frames of the plan and waits until no more arrive.
  func send(_ plan: FramePlan, count: Int, _ network: borrowing BenchNetwork) throws(BenchError) -> Outcome {
    let before = try arrivals()
    var outcome = try network.inside("client") { () throws(BenchError) in
      var plan = plan
      plan.device = if_nametoindex("c0")
      return try attempt { () throws(SystemError) in try run(plan, count: count) }
    }
    // What waits in the devices' queues is on its way still.
    var last = try arrivals().frames
    while true {
      usleep(2_000)
      let now = try arrivals().frames
      if now == last { break }
      last = now
    }
    outcome.arrived = Int(last - before.frames)
    return outcome
  }

  private func run(_ plan: FramePlan, count: Int) throws(SystemError) -> Outcome {
    try traffic.set("plan", 0, plan.record)
    let generate = try traffic.program("generate")
    var frame = [UInt8](repeating: 0, count: plan.length)
    return try frame.withUnsafeMutableBufferPointer { bytes throws(SystemError) in
      var options = bpf_test_run_opts()
      options.sz = MemoryLayout<bpf_test_run_opts>.size
      options.data_in = UnsafeRawPointer(bytes.baseAddress)
      options.data_size_in = UInt32(bytes.count)
      options.repeat = CInt(count)
      options.flags = UInt32(BPF_F_TEST_XDP_LIVE_FRAMES)
      options.batch_size = 64
      let started = Clock.now
      guard bpf_prog_test_run_opts(generate, &options) == 0 else { throw .last("send live frames") }
      return Outcome(sent: count, arrived: 0, seconds: Clock.seconds(since: started))
    }
  }

  /// What has arrived so far, on all processors.
  func arrivals() throws(BenchError) -> svs_bench_arrivals {
    try attempt { () throws(SystemError) in
      var values = [svs_bench_arrivals](repeating: svs_bench_arrivals(), count: Int(libbpf_num_possible_cpus()))
      var zero: UInt32 = 0
      guard bpf_map_lookup_elem(try traffic.map("arrivals"), &zero, &values) == 0 else {
        throw .last("read the servers' count")
      }
      return values.reduce(into: svs_bench_arrivals()) {
        $0.frames += $1.frames
        $0.moved += $1.moved
      }
    }
  }

  /// How many of the first `count` flows have reached a server, ever.
  func flowsReached(of count: Int) throws(BenchError) -> Int {
    try attempt { () throws(SystemError) in
      let map = try traffic.map("reached")
      var reached = 0
      var keys = [UInt32](repeating: 0, count: 65536)
      // The kernel pads an array's values to eight bytes only in its own memory.
      var values = [UInt8](repeating: 0, count: 65536)
      var token: UInt32 = 0
      var isFirst = true
      var seen = 0
      while seen < count {
        var number = UInt32(keys.count)
        var next: UInt32 = 0
        let result = withUnsafeMutablePointer(to: &token) { from in
          bpf_map_lookup_batch(map, isFirst ? nil : from, &next, &keys, &values, &number, nil)
        }
        guard result == 0 || errno == ENOENT else { throw .last("read which flows arrived") }
        for position in 0..<Int(number) where keys[position] < count && values[position] != 0 { reached += 1 }
        seen += Int(number)
        if result != 0 { break }
        token = next
        isFirst = false
      }
      return reached
    }
  }
}
