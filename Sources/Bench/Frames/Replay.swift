import BenchTypes
import CLibbpf
import Glibc
import HostSystem

/// Runs a program on the frames of a plan by BPF_PROG_TEST_RUN: no device takes part, only the program's time counts.
struct Replay: ~Copyable {
  private let traffic: BPFObject

  init(objects: String) throws(SystemError) { traffic = try BPFObject("\(objects)/traffic.o") }

  /// What a run came to.
  struct Outcome {
    /// The kernel's mean over the run, the restoring of the frame included.
    var nanoseconds: Double
    /// XDP's return code for the last frame.
    var verdict: UInt32
  }

  /// The program that does nothing: what a run costs without a director.
  func nothing() throws(SystemError) -> CInt { try traffic.program("nothing") }

  /// Runs `program` on `count` frames, as if they had come in by `device` of the calling thread's namespace.
  func run(_ program: CInt, _ plan: FramePlan, count: Int, from device: String) throws(SystemError) -> Outcome {
    try traffic.set("plan", 0, plan.record)
    try traffic.set("measured", 0, program)
    var frame = [UInt8](repeating: 0, count: plan.length)
    var context = xdp_md()
    context.data_end = UInt32(plan.length)
    context.ingress_ifindex = if_nametoindex(device)
    let replay = try traffic.program("replay")
    return try frame.withUnsafeMutableBufferPointer { bytes throws(SystemError) in
      var options = bpf_test_run_opts()
      options.sz = MemoryLayout<bpf_test_run_opts>.size
      options.data_in = UnsafeRawPointer(bytes.baseAddress)
      options.data_size_in = UInt32(bytes.count)
      options.repeat = CInt(count)
      let result = withUnsafeMutablePointer(to: &context) { context in
        options.ctx_in = UnsafeRawPointer(context)
        options.ctx_size_in = UInt32(MemoryLayout<xdp_md>.size)
        return bpf_prog_test_run_opts(replay, &options)
      }
      guard result == 0 else { throw .last("run a program on test frames") }
      return Outcome(nanoseconds: Double(options.duration), verdict: options.retval)
    }
  }
}
