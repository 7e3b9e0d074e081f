import CLibbpf
import Glibc
import HostSystem
import Lab
import Netlink

/// Frames sent by the client's kernel and counted and dropped at the servers' devices.
///
/// Neither end makes socket buffers or knows of sockets, so that the director is most of what is measured. The sender is
/// an XDP program under BPF_PROG_TEST_RUN with live frames (kernel 5.18).
struct LaneTraffic: ~Copyable {
  static let port: UInt16 = 9000
  static let flows = 64
  static let frameLength = 60

  private let device: UInt32
  private let clientMAC: MACAddress
  private let directorMAC: MACAddress

  init(_ lab: borrowing Lab) throws(DemoError) {
    let device: Interface
    let director: Interface
    do {
      device = try lab.inside("client") { try NetlinkSocket().interface(named: Lane.clientInterface) }
      director = try lab.inside("director") { try NetlinkSocket().interface(named: Lane.directorInterface) }
      let sink = try Program.load(Program.sink, "svs_demo_sink")
      for number in 1...3 {
        try lab.inside("rs\(number)") {
          let index = try NetlinkSocket().interface(named: Lane.serverInterface).index
          try SystemError.check(
            bpf_xdp_attach(CInt(index), sink.number, Program.nativeMode, nil), "count frames at rs\(number)")
        }
      }
    } catch { throw .measurement("\(error)") }
    guard let clientMAC = device.mac, let directorMAC = director.mac else {
      throw .measurement("the lanes are no Ethernet")
    }
    self.device = device.index
    self.clientMAC = clientMAC
    self.directorMAC = directorMAC
  }

  /// Sends so many frames to an address, and returns how many a second arrived.
  func rate(to target: IPAddress, count: Int, _ lab: borrowing Lab) throws(DemoError) -> Int {
    do {
      let frame = frame(to: target)
      let generator = try Program.load(Program.generator(frame, device: device), "svs_demo_source")
      let before = try received(lab)
      let started = now()
      try lab.inside("client") { try run(generator.number, count: count) }
      let elapsed = now() - started
      return Int(Double(try received(lab) - before) * 1e9 / Double(elapsed))
    } catch { throw .measurement("\(error)") }
  }

  private func run(_ program: CInt, count: Int) throws(SystemError) {
    var frame = [UInt8](repeating: 0, count: LaneTraffic.frameLength)
    var options = bpf_test_run_opts()
    options.sz = MemoryLayout<bpf_test_run_opts>.size
    options.repeat = CInt(count)
    options.flags = UInt32(BPF_F_TEST_XDP_LIVE_FRAMES)
    options.batch_size = 64
    options.data_size_in = UInt32(frame.count)
    let result = frame.withUnsafeMutableBytes { bytes in
      options.data_in = UnsafeRawPointer(bytes.baseAddress)
      return bpf_prog_test_run_opts(program, &options)
    }
    try SystemError.check(result, "send frames")
  }

  /// What the servers' devices have received, by proc(5), net/dev.
  private func received(_ lab: borrowing Lab) throws -> Int {
    try (1...3).reduce(0) { sum, number in
      let text = try lab.inside("rs\(number)") { try Files.text("/proc/thread-self/net/dev") }
      let name = Lane.serverInterface + ":"
      let line = text.split(separator: "\n").map { $0.split(separator: " ") }.first { $0.first == name[...] }
      return sum + (line.flatMap { $0.count > 2 ? Int($0[2]) : nil } ?? 0)
    }
  }

  /// A UDP datagram of zeros; without a checksum, so that a flow's port can be changed alone.
  private func frame(to target: IPAddress) -> [UInt8] {
    let length = UInt16(LaneTraffic.frameLength - 14)
    var header: [UInt8] = [0x45, 0] + length.bytes + [0, 0, 0x40, 0, 64, 17, 0, 0] + Lane.client.bytes + target.bytes
    var sum = stride(from: 0, to: 20, by: 2).reduce(UInt32(0)) {
      $0 + (UInt32(header[$1]) << 8 | UInt32(header[$1 + 1]))
    }
    while sum > 0xFFFF { sum = (sum & 0xFFFF) + (sum >> 16) }
    header.replaceSubrange(10..<12, with: (~UInt16(sum)).bytes)
    let datagram = UInt16(10_000).bytes + LaneTraffic.port.bytes + (length - 20).bytes + [0, 0]
    let frame = directorMAC.bytes + clientMAC.bytes + [8, 0] + header + datagram
    return frame + Array(repeating: 0, count: LaneTraffic.frameLength - frame.count)
  }
}

/// The sender's and the receiver's programs.
private enum Program {
  static let nativeMode: UInt32 = 1 << 2  // XDP_FLAGS_DRV_MODE of linux/if_link.h

  /// Drops UDP over IPv4, which the device has counted by then, and passes the rest: ARP is needed.
  static let sink = [
    Instruction.load32(2, 1, 0),  // data
    Instruction.load32(3, 1, 4),  // data_end
    Instruction.move(4, 2),
    Instruction.add(4, value: 24),
    Instruction.ifGreater(4, 3, skip: 6),
    Instruction.load16(5, 2, 12),
    Instruction.ifNot(5, 0x0008, skip: 4),  // the EtherType of IPv4 in network order
    Instruction.load8(5, 2, 23),
    Instruction.ifNot(5, 17, skip: 2),
    Instruction.move(0, value: 1),  // XDP_DROP
    Instruction.exit,
    Instruction.move(0, value: 2),  // XDP_PASS
    Instruction.exit,
  ]

  /// Writes the frame over whatever the last use of its memory left, as one of the flows, and sends it out.
  static func generator(_ frame: [UInt8], device: UInt32) -> [bpf_insn] {
    let words = stride(from: 0, to: frame.count, by: 4).map { offset in
      Instruction.store32(
        6, Int16(offset),
        value: frame[offset..<offset + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) })
    }
    return [
      Instruction.load32(6, 1, 0),
      Instruction.load32(3, 1, 4),
      Instruction.move(4, 6),
      Instruction.add(4, value: Int32(frame.count)),
      Instruction.ifGreater(4, 3, skip: Int16(words.count + 9)),
    ] + words + [
      Instruction.call(7),  // bpf_get_prandom_u32
      Instruction.and(0, value: Int32(LaneTraffic.flows - 1)),
      Instruction.add(0, value: 10_000),
      Instruction.bigEndian16(0),
      Instruction.store16(6, 34, 0),  // the source port
      Instruction.move(1, value: Int32(bitPattern: device)),
      Instruction.move(2, value: 0),
      Instruction.call(23),  // bpf_redirect
      Instruction.exit,
      Instruction.move(0, value: 0),  // XDP_ABORTED
      Instruction.exit,
    ]
  }

  static func load(_ instructions: [bpf_insn], _ name: String) throws(SystemError) -> Descriptor {
    // libbpf would write to standard error; what went wrong is in what we throw.
    libbpf_set_print(nil)
    return try Descriptor(
      checking: bpf_prog_load(BPF_PROG_TYPE_XDP, name, "GPL", instructions, instructions.count, nil),
      "load the program \(name)")
  }
}

extension UInt16 {
  /// In network order.
  fileprivate var bytes: [UInt8] { [UInt8(self >> 8), UInt8(self & 0xFF)] }
}

/// The monotonic clock in nanoseconds.
private func now() -> UInt64 {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
